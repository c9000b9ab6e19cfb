#!/usr/bin/env node
// The mail catcher as a program of its own, as docker-compose runs it.
import { parseArgs } from 'node:util'
import { startMailCatcher } from './catcher.mjs'
import { mailsMax } from './mailbox.mjs'

const help = `Usage: node scripts/mail-catcher/main.mjs [options]

Takes every mail that is sent to it, delivers none, and shows them on a page and as JSON (/mails.json).

  --host <address>    where it listens (default 127.0.0.1; who can reach it reads every mail)
  --smtp-port <port>  for mails (default 1025)
  --http-port <port>  for the page (default 8025)
  --keep <count>      mails it remembers (default ${mailsMax})
  --help              this text
`

function readOptions() {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      'smtp-port': { type: 'string', default: '1025' },
      'http-port': { type: 'string', default: '8025' },
      keep: { type: 'string', default: String(mailsMax) },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    help: values.help,
    host: values.host,
    smtpPort: wholeNumber('--smtp-port', values['smtp-port'], { from: 0, to: 65_535 }),
    httpPort: wholeNumber('--http-port', values['http-port'], { from: 0, to: 65_535 }),
    mailsMax: wholeNumber('--keep', values.keep, { from: 1, to: 10_000 }),
  }
}

function wholeNumber(name, text, { from, to }) {
  const value = Number(text)
  if (/^[0-9]+$/.test(text) && value >= from && value <= to) return value
  throw new Error(`${name} expects a number from ${from} to ${to}, got ${text}`)
}

async function run() {
  let options
  try {
    options = readOptions()
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${help}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(help)
    return 0
  }
  const stopped = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  })
  let catcher
  try {
    catcher = await startMailCatcher(options)
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    return 1
  }
  process.stdout.write(`catching mail at ${options.host}:${catcher.smtpPort}, see ${catcher.url}\n`)
  await stopped
  await catcher.stop()
  return 0
}

process.exitCode = await run()
