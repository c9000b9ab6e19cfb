// A mail server that takes every mail, shows it on a page, and delivers nothing.
import { Mailbox } from './mailbox.mjs'
import { startSite } from './site.mjs'
import { startSmtp } from './smtp.mjs'

/** Starts both sides; port 0 takes any free one. Rejects when a port cannot be had. */
export async function startMailCatcher({ host = '127.0.0.1', smtpPort, httpPort, mailsMax }) {
  const mailbox = new Mailbox(mailsMax)
  const smtp = await startSmtp({ host, port: smtpPort }, (mail) => {
    mailbox.add(mail, new Date().toISOString())
  })
  const site = await startSite({ host, port: httpPort }, mailbox).catch(async (error) => {
    await smtp.stop()
    throw error
  })
  return {
    smtpPort: smtp.port,
    url: `http://${host}:${site.port}`,
    mailbox,
    stop: () => Promise.all([site.stop(), smtp.stop()]),
  }
}
