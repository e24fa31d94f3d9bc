// A tcpnet client, written from docs/protocol.md alone: node client.mjs HOST PORT NAME [FINGERPRINT]
// With the fingerprint that the server prints it is encrypted, and to that server alone.
import { createHash, randomBytes } from 'node:crypto'
import net from 'node:net'
import { stdin as input, stdout } from 'node:process'
import readline from 'node:readline'
import { Writable } from 'node:stream'
import tls from 'node:tls'

const [host, port, name, fingerprint] = process.argv.slice(2)
if (!name || !(port > 0 && port < 65536)) {
  console.error('usage: node client.mjs HOST PORT NAME [FINGERPRINT]')
  process.exit(2)
}
const MAX_FRAME = 65536 // bytes, with the newline
// Control, format and unpaired characters are made visible; joiners stay between letters.
const HOSTILE = new RegExp('(?![\\n\\u200c\\u200d])[\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]' +
  '|(?<![\\p{L}\\p{M}])[\\u200c\\u200d]|[\\u200c\\u200d](?!\\p{L})', 'gu')
const clean = text => text.replace(/\t/g, '    ').replace(HOSTILE, '\ufffd')

let question // the open one
let leaving = false // the person has nothing more to say
let heard = performance.now() // milliseconds
let rest = Buffer.alloc(0) // the start of a frame
const typed = [] // lines that wait for a question
const parts = new Map() // texts that go on, by kind: others may speak in between

let socket = net.connect(Number(port), host)
const send = (type, body) => socket.write(JSON.stringify({ headers: [{ type, body }] }) + '\n')
const terminal = Boolean(input.isTTY && stdout.isTTY)
const isSecret = () => question?.['res-type'] === 'secret'
// The echo of what is typed, without secrets.
const output = new Writable({ write(data, _, done) { isSecret() || stdout.write(data); done() } })
const keyboard = readline.createInterface({ input, output, terminal, historySize: 0 })

function prompt(text) {
  if (isSecret()) stdout.write(text)
  keyboard.setPrompt(text)
  keyboard.prompt(true) // with what is typed already
}
function show(text) {
  stdout.write((terminal ? '\r\x1b[K' : '') + clean(text) + '\n')
  if (terminal) prompt(keyboard.getPrompt())
}
function answer() {
  while (question && typed.length) {
    const { 'res-key': key, id, keep } = question, mid = randomBytes(16).toString('hex')
    send('reply', { 'res-key': key, value: typed.shift(), id, mid })
    if (!keep) question = keyboard.setPrompt('')
  }
  if (question && leaving) send('bye', { reason: 'the person left' })
}
const end = (reason, status) => stdout.write(`\n${clean(reason)}\n`, () => process.exit(status))

// 140 bits of the SHA-256 of the public key, in base 32 with the digits a-z2-7.
function fingerprintOf(publicKey) {
  const hash = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }))
  const digits = BigInt(`0x${hash.digest('hex').slice(0, 35)}`).toString(32).padStart(28, '0')
  const letters = digits.replace(/./g, c => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(c, 32)])
  return letters.match(/.{4}/g).join('-')
}
function encrypt() {
  if (rest.length) return end('Something follows `secure` in clear.', 1)
  socket.removeAllListeners()
  // The key says who this is; its certificate need not be signed by anybody.
  socket = tls.connect({ socket, minVersion: 'TLSv1.2', rejectUnauthorized: false }, () => {
    const found = fingerprintOf(socket.getPeerX509Certificate().publicKey)
    if (found === fingerprint) return hello()
    socket.destroy()
    end(`This server has another key: ${found}`, 1)
  })
  listen()
}
const isClear = () => fingerprint && !socket.encrypted // nothing is shown or asked by then
const hello = () => send('hello', { protocol: 1, agent: 'client.mjs/1', 'id-key': name })

const take = { __proto__: null, // a type that is missing here is from a newer server: ignored
  secure() { if (isClear()) encrypt() },
  welcome({ name, 'client-id': id }) {
    show(`Client Name: ${name}\nClient ID: ${id}`)
    send('status', { ok: true })
  },
  print({ message, kind = 'info', seq, more }) {
    const text = (parts.get(kind) ?? '') + message
    parts.set(kind, more ? text : '')
    if (!more) show(text)
    if (!more && kind === 'direct') send('seen', { mail: seq })
  },
  input(body) { question = body; prompt(clean(body.message)); answer() },
  ping({ t }) { send('pong', { t }) },
  bye({ reason, kind }) { end(reason, kind === 'quit' ? 0 : 1) } }

const listen = () => socket.on('data', data => {
  heard = performance.now()
  rest = Buffer.concat([rest, data])
  for (let at; (at = rest.indexOf(10)) >= 0 && at < MAX_FRAME;) {
    const line = rest.subarray(0, at)
    rest = rest.subarray(at + 1)
    for (const { type, body } of JSON.parse(line).headers) {
      if (isClear() && type !== 'secure' && type !== 'bye') return end('Not encrypted.', 1)
      take[type]?.(body ?? {})
    }
  }
  if (rest.length >= MAX_FRAME) end('The server sent a frame that is too long.', 1)
}).on('close', () => end('The connection was lost.', 1))
process.on('uncaughtException', error => end(error.message || error.code, 1)) // no connection, or no JSON
setInterval(() => {
  const silent = performance.now() - heard
  if (silent > 60_000) end('The server is silent.', 1)
  else if (silent > 20_000) send('ping', { t: silent })
}, 5_000)
keyboard.on('line', line => { typed.push(line); answer() })
keyboard.on('close', () => { leaving = true; answer() })
listen()
fingerprint ? send('secure') : hello()
