// What a run needs and does not find, apart from what goes wrong in it.

/** The message says what is missing and how to get it. */
export class MissingPart extends Error {}
