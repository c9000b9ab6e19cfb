// A person at a homeserver, as their client speaks for them (Client-Server API).
import { randomBytes } from 'node:crypto'

const password = 'a password of no worth'
const syncTimeoutMs = 1_000

export class MatrixUser {
  #calls
  #home
  #token
  #localpart
  #transactions = 0
  #since = ''
  #rooms = new Map()

  /** Registers a new account at `home`, a homeserver as synapse.mjs prepared it. */
  static async register({ calls, home, localpart }) {
    const user = new MatrixUser()
    user.#calls = calls
    user.#home = home
    user.#localpart = localpart
    const url = user.#url('register')
    const asked = await calls.ask('POST', url, { body: { username: localpart, password } })
    const auth = { type: 'm.login.dummy', session: asked.json?.session }
    const made = await calls.call('POST', url, { body: { username: localpart, password, auth } })
    user.#token = made.access_token
    user.mxid = made.user_id
    return user
  }

  get homeserver() {
    return this.#home.name
  }

  post(path, body) {
    return this.#calls.call('POST', this.#url(path), { token: this.#token, body })
  }

  get(path) {
    return this.#calls.call('GET', this.#url(path), { token: this.#token })
  }

  ask(method, path, body) {
    return this.#calls.ask(method, this.#url(path), { token: this.#token, body })
  }

  /** What the identity server is shown to know whose it is. */
  openid() {
    return this.post(`user/${encodeURIComponent(this.mxid)}/openid/request_token`, {})
  }

  /** Answers the room's id; before version 12 it names a homeserver. Whoever is invited may join, nobody else. */
  async createRoom(name, version = '12') {
    const settings = { name, preset: 'private_chat', room_version: version }
    return (await this.post('createRoom', settings)).room_id
  }

  /** As clients begin a conversation with an address: the invitation is part of the creation. */
  async createRoomFor(settings, { medium, address, credentials }) {
    const invited = [{ ...credentials, medium, address }]
    return (await this.post('createRoom', { ...settings, invite_3pid: invited })).room_id
  }

  invite(roomId, { idServer, idAccessToken, address }) {
    return this.ask('POST', `rooms/${encodeURIComponent(roomId)}/invite`, {
      id_server: idServer,
      id_access_token: idAccessToken,
      medium: 'email',
      address,
    })
  }

  roomState(roomId) {
    return this.get(`rooms/${encodeURIComponent(roomId)}/state`)
  }

  join(roomId, body = {}) {
    return this.post(`rooms/${encodeURIComponent(roomId)}/join`, body)
  }

  /** By a server that is in the room, with what an identity server signed for the invitation. */
  joinSigned(roomId, { via, signed }) {
    const path = `join/${encodeURIComponent(roomId)}?server_name=${via}&via=${via}`
    return this.post(path, { third_party_signed: signed })
  }

  async say(roomId, text) {
    const transaction = `interop${++this.#transactions}`
    const path = `rooms/${encodeURIComponent(roomId)}/send/m.room.message/${transaction}`
    const url = this.#url(path)
    const body = { msgtype: 'm.text', body: text }
    return this.#calls.call('PUT', url, { token: this.#token, body })
  }

  /** What the server has said of a room by now: `{ membership, events }`, or null. */
  async standing(roomId) {
    const since = this.#since === '' ? '' : `&since=${this.#since}`
    const { rooms = {}, next_batch: next } = await this.get(`sync?timeout=${syncTimeoutMs}${since}`)
    this.#since = next
    for (const membership of ['leave', 'invite', 'join']) {
      for (const [id, room] of Object.entries(rooms[membership] ?? {})) {
        const events = room.invite_state?.events ?? room.state?.events ?? []
        this.#rooms.set(id, { membership, events })
      }
    }
    return this.#rooms.get(roomId) ?? null
  }

  /** Of an endpoint that asks for the password: asks, then asks again with it. */
  async postAuthenticated(path, body) {
    const asked = await this.ask('POST', path, body)
    if (asked.status !== 401) throw new Error(`${path}: expected to be asked for the password`)
    const identifier = { type: 'm.id.user', user: this.#localpart }
    const { session } = asked.json
    const auth = { type: 'm.login.password', identifier, password, session }
    return this.post(path, { ...body, auth })
  }

  #url(path) {
    return `${this.#home.url}/_matrix/client/v3/${path}`
  }
}

export function newClientSecret() {
  return randomBytes(12).toString('hex')
}
