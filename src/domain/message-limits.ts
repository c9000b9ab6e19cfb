/**
 * The bounds of limits.ts that concern messages to people, their templates and the servers they are handed to. Times in
 * milliseconds, sizes in bytes unless the name says otherwise.
 */

/** Of one template; also a text that `readPublicFile` takes. */
export const templateCharsMax = 256 * 1024
/** A mail or page beyond this is a template gone wrong; servers refuse mails of some MiB. */
export const renderedCharsMax = 512 * 1024
/** Rendering takes microseconds; a loop in an operator's template ends here. */
export const renderMaxMs = 1_000
/** Brands times languages, all held compiled. */
export const templateFoldersMax = 1_000
/** Languages of one person that are looked at. */
export const languagesMax = 10
/** Links carry a token, a secret and names of rooms, percent-encoded. */
export const messageLinkCharsMax = 8_192
/** Of a name somebody gave himself or a room: free text in a mail that we send is room for advertisements. */
export const shownNameCharsMax = 80
/** Of any other value in a message; ids are 255 bytes, addresses 512. */
export const shownValueCharsMax = 1_024
/** Further members of an invitation that templates may use. */
export const inviteExtrasMax = 32
export const subjectCharsMax = 200
/** A connection to the mail server without a mail: shorter than servers keep one open. */
export const smtpIdleMs = 30_000
/** A single reply; the longest real ones list some twenty extensions. */
export const smtpReplyBytesMax = 64 * 1024
/** Mails of one connection to the mail server, so that they spread again after one of its machines was away. */
export const smtpMailsPerConnectionMax = 100
/** What providers answer to one SMS: a record of it. */
export const smsAnswerBytesMax = 64 * 1024
export const smsTimeoutMs = 15_000
export const smsParallelMax = 4
/** Ten parts; a template that renders to more is a mistake that costs money. */
export const smsCharsMax = 1_530
/** Phone numbers as people write them, with spaces, brackets and prefixes. */
export const phoneNumberCharsMax = 64
