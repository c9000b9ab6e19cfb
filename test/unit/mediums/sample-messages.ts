import { fileURLToPath } from 'node:url'
import type { InviteMessage, Templates, ValidationMessage } from '../../../src/mediums/medium.ts'
import {
  loadTemplates,
  type TemplatesOptions,
} from '../../../src/mediums/templates/load-templates.ts'

export const builtInFolders = ['email', 'msisdn', 'pages'].map((folder) =>
  fileURLToPath(new URL(`../../../src/mediums/${folder}/`, import.meta.url)),
)

export function templatesOf(options: Partial<TemplatesOptions> = {}): Templates {
  const defaults = { folder: null, defaultBrand: null, defaultLanguage: 'en' }
  return loadTemplates({ builtInFolders, ...defaults, ...options })
}

export const validation: ValidationMessage = {
  type: 'validation',
  medium: 'email',
  id: 'a1b2c3',
  address: 'alice@example.org',
  token: 'tok3n',
  link: 'https://id.example.org/_matrix/identity/v2/validate/email/submitToken?token=tok3n&sid=1',
  brand: null,
  languages: [],
}

export const sms: ValidationMessage = {
  ...validation,
  medium: 'msisdn',
  address: '447700900123',
  token: '123456',
}

export const invite: InviteMessage = {
  type: 'invite',
  medium: 'email',
  id: 'd4e5f6',
  address: 'alice@example.org',
  token: 'inviteToken',
  link: 'https://app.example.org/#/room/!r:hs.example?email=alice%40example.org&signurl=x',
  brand: null,
  languages: [],
  roomId: '!r:hs.example',
  roomName: 'Garden',
  roomAlias: '#garden:hs.example',
  roomAvatarUrl: 'mxc://hs.example/room',
  roomType: '',
  sender: '@bob:hs.example',
  senderDisplayName: 'Bob',
  senderAvatarUrl: 'mxc://hs.example/bob',
  ephemeralPrivateKey: 'privateKey',
  webClientLink: 'https://app.example.org',
  extra: {},
}
