import { hashLeaf } from '../../src/domain/merkle-tree.ts'
import type { HandMadeLog } from './hand-made-log.ts'
import type { TestNode } from './node-processes.ts'

/** What a peer with valid keys may send that is wrong, with the name and status it is refused by. */

/** An address nobody bound yet. */
type NewAddress = () => string

/** `another` is a good log of the same writer, `other` another node. */
type Cast = {
  readonly address: NewAddress
  readonly other: TestNode
  readonly another: HandMadeLog
}

/** Bytes after a good first segment of four lines, of which nothing may stand. */
type Spoiler = (log: HandMadeLog, address: NewAddress) => Promise<Buffer> | Buffer

/** Puts lines on the log as its writer would, signed and proved, and sends them as the second segment. */
function lines(write: (log: HandMadeLog, address: NewAddress) => (string | Uint8Array)[]): Spoiler {
  return (log, address) => {
    log.add(...write(log, address))
    return log.segment(4, log.size)
  }
}

const minute = 60_000 * 1024
const at = (log: HandMadeLog): number => log.nextStamp()
const unknown = (log: HandMadeLog, fill = ''): string =>
  JSON.stringify({ k: 'x-later', t: at(log), fill })

export const spoilers: readonly [name: string, code: string, status: number, spoil: Spoiler][] = [
  [
    'a line other than the one that was signed',
    'root-mismatch',
    422,
    async (log, address) => {
      log.add(log.bindText(address()))
      const text = (await log.segment(4, 5)).toString()
      return Buffer.from(text.replace('"mxid":"@person', '"mxid":"@perzon'))
    },
  ],
  [
    'a proof that does not lead to the checkpoint',
    'proof-bad',
    422,
    async (log, address) => {
      log.add(...[1, 2, 3].map(() => log.bindText(address())))
      const proof = JSON.parse((await log.end(6)).toString()) as { proof: string[] }
      proof.proof[0] = Buffer.alloc(32, 9).toString('base64')
      return Buffer.concat([
        ...log.body(4, 6),
        Buffer.from(`${JSON.stringify({ to: 6, proof: proof.proof })}\n`),
      ])
    },
  ],
  [
    'a proof of more hashes than any tree needs',
    'proof-malformed',
    422,
    (log, address) => {
      const proof = Array.from({ length: 65 }, () => Buffer.alloc(32).toString('base64'))
      log.add(log.bindText(address()))
      return Buffer.concat([
        ...log.body(4, 5),
        Buffer.from(JSON.stringify({ to: 5, proof }) + '\n'),
      ])
    },
  ],
  [
    'a line stamped ten minutes ahead',
    'clock-ahead',
    422,
    lines((log, address) => [
      log.bindText(address(), { stamp: Math.floor(Date.now() * 1024 + 10 * minute) }),
    ]),
  ],
  [
    'a stamp that does not rise',
    'stamp-not-rising',
    422,
    lines((log, address) => {
      const stamp = at(log)
      return [log.bindText(address(), { stamp }), log.bindText(address(), { stamp })]
    }),
  ],
  [
    'a bind of more than 2 KiB',
    'line-too-long',
    413,
    lines((log, address) => [
      log.bindText(address()).replace(/}$/, `,"fill":"${'x'.repeat(2048)}"}`),
    ]),
  ],
  [
    'a line of more than 32 KiB',
    'line-too-long',
    413,
    lines((log) => [unknown(log, 'x'.repeat(33 * 1024))]),
  ],
  [
    'a line without an end',
    'line-too-long',
    413,
    (log) => {
      log.add(unknown(log))
      return Buffer.alloc(3_000_000, 'x')
    },
  ],
  [
    'a segment of 501 lines',
    'segment-too-long',
    413,
    lines((log) => Array.from({ length: 501 }, () => unknown(log))),
  ],
  [
    'a segment of more than 1 MiB',
    'segment-too-long',
    413,
    lines((log) => Array.from({ length: 36 }, () => unknown(log, 'x'.repeat(30 * 1024)))),
  ],
  ['a line that is no UTF-8', 'entry-malformed', 422, lines(() => [Buffer.from([0xc3, 0x28])])],
  ['a line that is no JSON', 'entry-malformed', 422, lines(() => ['{"k":"bind",'])],
  ['a line that is no object', 'entry-malformed', 422, lines(() => ['[1,2]'])],
  ['an empty line', 'entry-malformed', 422, lines(() => [''])],
  ['a stamp beyond all numbers', 'entry-malformed', 422, lines(() => ['{"k":"x","t":1e400}'])],
  ['a stamp above 2^53', 'entry-malformed', 422, lines(() => ['{"k":"x","t":9007199254740993}'])],
  ['a negative stamp', 'entry-malformed', 422, lines(() => ['{"k":"x","t":-1}'])],
  [
    'an address with U+0000',
    'entry-malformed',
    422,
    lines((log) => [log.bindText('a\0b@c.example')]),
  ],
  ['a second begin', 'begin-mismatch', 422, lines((log) => [log.beginText()])],
  [
    'a folded run of blanks that nothing explains',
    'blank-unexplained',
    422,
    async (log, address) => {
      log.add(...[1, 2, 3, 4].map(() => log.bindText(address())))
      const run = { blank: 4, hash: Buffer.from(log.root(4, 8)).toString('base64') }
      return Buffer.concat([Buffer.from(JSON.stringify(run) + '\n'), await log.end(8)])
    },
  ],
  [
    'a folded run of blanks of an odd length',
    'entry-malformed',
    422,
    async (log, address) => {
      log.add(...[1, 2, 3].map(() => log.bindText(address())))
      const run = { blank: 3, hash: Buffer.alloc(32).toString('base64') }
      return Buffer.concat([Buffer.from(JSON.stringify(run) + '\n'), await log.end(7)])
    },
  ],
  [
    'a folded run of blanks beyond all numbers',
    'entry-malformed',
    422,
    (log, address) => {
      log.add(log.bindText(address()))
      return Buffer.from('{"blank":1e300,"hash":"AAAA"}\n{"to":5,"proof":[]}\n')
    },
  ],
  [
    'a blank whose hash is none',
    'entry-malformed',
    422,
    async (log, address) => {
      log.add(log.bindText(address()))
      return Buffer.concat([Buffer.from('"AAAA"\n'), await log.end(5)])
    },
  ],
  [
    'an end that says more lines than came',
    'segment-malformed',
    422,
    async (log, address) => {
      log.add(log.bindText(address()), log.bindText(address()))
      return Buffer.concat([...log.body(4, 5), await log.end(6)])
    },
  ],
  [
    'an end beyond the checkpoint',
    'segment-malformed',
    422,
    (log, address) => {
      log.add(log.bindText(address()))
      const body = [...log.body(4, 5), Buffer.from(`${log.bindText(address())}\n`)]
      return Buffer.concat([...body, Buffer.from('{"to":6,"proof":[]}\n')])
    },
  ],
  [
    'an end beyond all numbers',
    'proof-malformed',
    422,
    (log, address) => {
      log.add(log.bindText(address()))
      return Buffer.concat([...log.body(4, 5), Buffer.from('{"to":1e300,"proof":[]}\n')])
    },
  ],
  [
    'a stream that ends within a segment',
    'chunk-truncated',
    400,
    (log, address) => {
      log.add(log.bindText(address()))
      return Buffer.concat(log.body(4, 5))
    },
  ],
]

/** Makes a whole chunk that is wrong from its first line on. */
type WrongChunk = (log: HandMadeLog, cast: Cast) => Promise<Buffer> | Buffer

export const wrongChunks: readonly [
  name: string,
  code: string,
  status: number,
  make: WrongChunk,
][] = [
  [
    'a checkpoint signed with another key',
    'checkpoint-signature-bad',
    422,
    async (log) => {
      const note = log.note(log.size, Buffer.alloc(32, 3))
      return Buffer.concat([log.header({ note }), await log.segment(0, 4)])
    },
  ],
  [
    'a checkpoint that was changed after it was signed',
    'checkpoint-signature-bad',
    422,
    (log) => log.header({ note: log.note().replace('\n4\n', '\n5\n') }),
  ],
  ['a checkpoint that is none', 'checkpoint-malformed', 422, (log) => log.header({ note: 'x' })],
  [
    'the checkpoint of another log',
    'checkpoint-malformed',
    422,
    (log, cast) => log.header({ note: cast.another.note() }),
  ],
  [
    'a beginning beyond what is held',
    'gap',
    409,
    async (log) => Buffer.concat([log.header({ from: 2 }), await log.segment(2, 4)]),
  ],
  [
    'a begin of another node',
    'begin-mismatch',
    422,
    (log, cast) => beginning(log, cast, log.beginText({ node: cast.other.name })),
  ],
  [
    'a begin of another audience',
    'begin-mismatch',
    422,
    (log, cast) => beginning(log, cast, log.beginText({ audience: 'acme' })),
  ],
  [
    'a begin under a key nobody knows',
    'begin-mismatch',
    422,
    (log, cast) => beginning(log, cast, log.beginText({ meshKey: cast.other.card.vkey })),
  ],
  [
    'no begin',
    'begin-mismatch',
    422,
    (log, cast) => beginning(log, cast, log.bindText(cast.address())),
  ],
  [
    'a blank in the place of the begin',
    'blank-misplaced',
    422,
    async (log) => {
      const leaf = Buffer.from(hashLeaf(log.lines[0] as Buffer)).toString('base64')
      const blank = Buffer.from(`"${leaf}"\n`)
      return Buffer.concat([log.header(), blank, ...log.body(1, 4), await log.end(4)])
    },
  ],
]

function beginning(log: HandMadeLog, cast: Cast, first: string): Promise<Buffer> {
  log.lines[0] = Buffer.from(first)
  const rest = log.lines.splice(1)
  log.add(...rest.map(() => log.bindText(cast.address())))
  return log.chunk()
}
