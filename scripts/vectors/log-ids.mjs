import { log } from './lines.mjs'
import { node } from './notes-and-trees.mjs'

export const logId = {
  about:
    'Log ids `<node>/<audience>~<life>`, and lives drawn from eight random bytes (the low five bits of each).',
  valid: [
    { id: log, node, audience: 'site', life: 'k3vq7xmd' },
    { id: 'a/b~22222222', node: 'a', audience: 'b', life: '22222222' },
    {
      id: `${'n'.repeat(200)}/${'a'.repeat(64)}~zzzzzzzz`,
      node: 'n'.repeat(200),
      audience: 'a'.repeat(64),
      life: 'zzzzzzzz',
    },
    { id: '10.0.0.7/live-2~abcdefgh', node: '10.0.0.7', audience: 'live-2', life: 'abcdefgh' },
  ],
  invalid: [
    { name: 'empty', id: '' },
    { name: 'no audience', id: 'paris.example~aaaaaaaa' },
    { name: 'no life', id: 'paris.example/site' },
    { name: 'life of seven', id: 'paris.example/site~aaaaaaa' },
    { name: 'life of nine', id: 'paris.example/site~aaaaaaaaa' },
    { name: 'life with a digit that base32 has not', id: 'paris.example/site~aaaaaaa1' },
    { name: 'life in capitals', id: 'paris.example/site~AAAAAAAA' },
    { name: 'node in capitals', id: 'Paris.example/site~aaaaaaaa' },
    { name: 'node with a port', id: 'paris.example:8449/site~aaaaaaaa' },
    { name: 'node that begins with a dot', id: '.example/site~aaaaaaaa' },
    { name: 'node of 201 characters', id: `${'n'.repeat(201)}/site~aaaaaaaa` },
    { name: 'empty node', id: '/site~aaaaaaaa' },
    { name: 'audience with a slash', id: 'paris.example/a/b~aaaaaaaa' },
    { name: 'audience with a tilde', id: 'paris.example/a~b~aaaaaaaa' },
    { name: 'audience of 65 characters', id: `paris.example/${'a'.repeat(65)}~aaaaaaaa` },
    { name: 'audience that ends with a hyphen', id: 'paris.example/site-~aaaaaaaa' },
    { name: 'a newline at the end', id: 'paris.example/site~aaaaaaaa\n' },
    { name: 'a space', id: 'paris.example/si te~aaaaaaaa' },
    { name: 'a letter beyond ASCII', id: 'pärís.example/site~aaaaaaaa' },
  ],
  lives: [
    { random: '0000000000000000', life: 'aaaaaaaa' },
    { random: '1f1e1d1c1b1a1918', life: '765432zy' },
    { random: 'ffe0a10203040506', life: '7abcdefg' },
  ],
}
