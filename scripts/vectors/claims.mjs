/** Cases of claims; all by hand. */
const alice = '@a:example.org'
const bob = '@b:example.org'
const said = (kind, mxid, at, more = {}) => ({
  kind,
  mxid,
  stamp: at,
  log: 'north/site~aaaaaaaa',
  index: at,
  group: 'own',
  ...more,
})
const south = { log: 'south/site~aaaaaaaa' }
const partner = { group: 'partner', log: 'partner/x~aaaaaaaa' }
export const claims = {
  about:
    'What entries about one 3PID amount to. Statements may arrive in any order and any number of times. `stamp` is `at` where a line has one, for an unbind with `covers` the greater of the two. `rank` orders groups, lowest first. `answer` is the Matrix ID that a lookup at `now` (milliseconds) gives, or null. Binds are valid at any time unless `notBefore` and `notAfter` stand there.',
  rank: { own: 0, partner: 1, other: 1, last: 9 },
  cases: [
    {
      name: 'two binds unseen by each other: the later proof of control',
      statements: [said('bind', alice, 10), said('bind', bob, 12, south)],
      answer: bob,
    },
    {
      name: 'an unbind holds though the bind arrives last',
      statements: [said('unbind', alice, 12, south), said('bind', alice, 10)],
      answer: null,
    },
    {
      name: 'the person came back',
      statements: [said('unbind', alice, 10), said('bind', alice, 12)],
      answer: alice,
    },
    {
      name: 'an old binding never resurfaces',
      statements: [said('bind', alice, 5), said('bind', bob, 10), said('unbind', bob, 20)],
      answer: null,
    },
    {
      name: 'an unbind names a pair, not an address',
      statements: [said('bind', bob, 10), said('unbind', alice, 11, south)],
      answer: bob,
    },
    {
      name: 'equal stamps: when in doubt do not expose',
      statements: [said('bind', alice, 10), said('unbind', alice, 10, south)],
      answer: null,
    },
    {
      name: 'a partner takes over nothing of ours, however new',
      statements: [said('bind', alice, 10), said('bind', bob, 99, partner)],
      answer: alice,
    },
    {
      name: 'our unbind ends a partner’s older claim of the pair',
      statements: [said('bind', alice, 10, partner), said('unbind', alice, 12)],
      answer: null,
    },
    {
      name: 'a partner’s claim newer than our unbind answers',
      statements: [said('bind', alice, 14, partner), said('unbind', alice, 12)],
      answer: alice,
    },
    {
      name: 'a partner’s unbind ends nothing of ours',
      statements: [said('bind', alice, 10), said('unbind', alice, 12, partner)],
      answer: alice,
    },
    {
      name: 'a partner’s unbind ends its own claim',
      statements: [said('bind', alice, 10, partner), said('unbind', alice, 12, partner)],
      answer: null,
    },
    {
      name: 'a group of equal rank ends nothing of another',
      statements: [
        said('bind', alice, 10, partner),
        said('unbind', alice, 12, { group: 'other', log: 'other/x~aaaaaaaa' }),
      ],
      answer: alice,
    },
    {
      name: 'groups of one rank answer in order of their names',
      statements: [
        said('bind', alice, 10, partner),
        said('bind', bob, 5, { group: 'other', log: 'other/x~aaaaaaaa' }),
      ],
      answer: bob,
    },
    {
      name: 'where ours is withdrawn a partner’s other claim answers',
      statements: [
        said('bind', alice, 10),
        said('unbind', alice, 12),
        said('bind', bob, 3, partner),
      ],
      answer: bob,
    },
    {
      name: 'of equal stamps the greater log id counts',
      statements: [said('bind', alice, 10, south), said('bind', bob, 10)],
      answer: alice,
    },
    {
      name: 'of equal stamps in one log the greater index counts',
      statements: [said('bind', alice, 10, { index: 3 }), said('bind', bob, 10, { index: 2 })],
      answer: alice,
    },
    {
      name: 'a bind that is not yet valid answers nothing, and hides the older one',
      statements: [
        said('bind', alice, 5),
        said('bind', bob, 10, { notBefore: 2000, notAfter: 3000 }),
      ],
      answer: null,
    },
    {
      name: 'a bind is valid from the first millisecond',
      statements: [said('bind', bob, 10, { notBefore: 1000, notAfter: 3000 })],
      answer: bob,
    },
    {
      name: 'a bind is not valid in the last',
      statements: [said('bind', bob, 10, { notBefore: 0, notAfter: 1000 })],
      answer: null,
    },
    {
      name: 'where ours has expired a partner’s answers',
      statements: [
        said('bind', alice, 10, { notBefore: 0, notAfter: 500 }),
        said('bind', bob, 5, partner),
      ],
      answer: bob,
    },
    {
      name: 'a bind seen after one that covers its future stays hidden below it',
      statements: [said('unbind', alice, 70), said('bind', alice, 30)],
      answer: null,
    },
    { name: 'nothing was said', statements: [], answer: null },
  ],
  now: 1000,
}
