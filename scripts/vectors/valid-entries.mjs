import {
  begin,
  bind,
  canonical,
  close,
  filled,
  otherRoot,
  saysBind,
  saysUnbind,
  saysUnknown,
  t0,
  unbind,
  valid,
  withA,
} from './lines.mjs'
import { node } from './notes-and-trees.mjs'

export const validEntries = [
  valid('bind', bind, saysBind()),
  valid(
    'bind with the time of the original proof and where it came from',
    { ...bind, at: t0 - 5, via: 'sydent.example.org' },
    saysBind({ at: t0 - 5, via: 'sydent.example.org' }),
  ),
  valid('bind whose proof is as old as its line', { ...bind, at: t0 }, saysBind({ at: t0 })),
  valid(
    'bind of a phone number',
    withA(bind, { address: '447700900001', medium: 'msisdn' }),
    saysBind({ address: '447700900001', medium: 'msisdn' }),
  ),
  valid(
    'bind with raw UTF-8, quotes and a backslash in it',
    withA(bind, { address: '日本"\\@例え.テスト' }),
    saysBind({ address: '日本"\\@例え.テスト' }),
  ),
  valid(
    'bind with members this version does not know',
    { ...bind, new_member: [1, 2] },
    saysBind(),
  ),
  valid(
    'bind at the greatest stamp',
    { ...bind, t: 2 ** 53 - 1 },
    saysBind({ stamp: 2 ** 53 - 1 }),
  ),
  valid('bind of exactly 2048 bytes', filled(bind, 2048), saysBind()),
  valid(
    'bind with an address of exactly 512 bytes',
    withA(bind, { address: 'é'.repeat(256) }),
    saysBind({ address: 'é'.repeat(256) }),
  ),
  valid(
    'line that ends with a carriage return: the byte belongs to it',
    `${canonical(unbind)}\r`,
    saysUnbind(),
  ),
  valid('unbind', unbind, saysUnbind()),
  valid(
    'unbind of a pair whose bind its writer did not know',
    { ...unbind, covers: t0 + 60_000 * 1024 },
    saysUnbind({ covers: t0 + 60_000 * 1024 }),
  ),
  valid(
    'unbind that covers as much as any may',
    { ...unbind, covers: t0 + 300_000 * 1024 },
    saysUnbind({ covers: t0 + 300_000 * 1024 }),
  ),
  valid(
    'unbind with forget, at and via',
    { ...unbind, at: t0 - 1, forget: true, via: 'import' },
    saysUnbind({ at: t0 - 1, forget: true, via: 'import' }),
  ),
  valid('begin', begin, { kind: 'begin', stamp: t0, node, audience: 'site', prev: begin.prev }),
  valid(
    'begin of a first log, without Matrix keys',
    { ...begin, matrix_keys: [], prev: null },
    { kind: 'begin', stamp: t0, node, audience: 'site', prev: null },
  ),
  valid('close', close, {
    kind: 'close',
    stamp: t0,
    closed: { log: close.log, size: 41, root: otherRoot },
  }),
  valid('unknown kind', { k: 'wink', t: t0, whatever: {} }, saysUnknown('wink')),
  valid('unknown critical kind', { crit: true, k: 'wink', t: t0 }, saysUnknown('wink', true)),
  valid(
    '"crit" counts when it is true, nothing else',
    { crit: 1, k: 'wink', t: t0 },
    saysUnknown('wink'),
  ),
  valid(
    'unknown medium: the line has no effect',
    withA(bind, { medium: 'pigeon' }),
    saysUnknown('bind'),
  ),
  valid('unknown medium in an unbind', withA(unbind, { medium: 'pigeon' }), saysUnknown('unbind')),
  valid(
    'critical line with an unknown medium',
    { ...withA(bind, { medium: 'pigeon' }), crit: true },
    saysUnknown('bind', true),
  ),
  valid(
    'unknown kind of exactly 32768 bytes',
    filled({ k: 'wink', t: t0 }, 32_768),
    saysUnknown('wink'),
  ),
  valid('"blank" as a member of an entry', { blank: 2, k: 'wink', t: t0 }, saysUnknown('wink')),
]
