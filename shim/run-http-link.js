// One connection to the server: when it is used again, how a request goes out and its response comes in, both at once.
//
// A connection that has been idle for long may have been closed by the server while the sandbox was frozen: it is used again
// within 4 s of the last response only, and one that the server has closed or spoken on never.

const net = require('node:net');

const MOST_WAITING = 1 << 18; // bytes that are read ahead

// Why a response did not come, or not to its end: cut, reset, timeout or bad.
class Broken extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

class Link {
  waiting = []; // what has come and was not read
  size = 0;
  input = NOTHING; // what is being read
  over = null; // how it ended: cut, reset or timeout
  fresh = true; // no request has gone over it yet
  heard = false; // a byte of this response has come
  deadEarly = false; // it was closed before the last byte of the request was written
  usedMs = Date.now(); // when the last response ended
  wake = () => {};

  constructor(socket) {
    this.socket = socket.setNoDelay();
    socket.on('data', (bytes) => {
      this.heard = true;
      this.waiting.push(bytes);
      this.size += bytes.length;
      if (this.size > MOST_WAITING) socket.pause();
      this.wake();
    });
    socket.once('end', () => this.end('cut'));
    socket.on('error', () => this.end('reset'));
    socket.once('close', () => this.end('cut'));
  }

  // A new connection; undefined when nobody listens.
  static async to(addresses) {
    for (const address of addresses) {
      const socket = net.connect(address);
      const connected = await new Promise((resolve) => {
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      });
      if (connected) return new Link(socket);
    }
    return undefined;
  }

  end(how) {
    this.deadEarly ||= !this.over && this.written === false;
    this.over ??= how;
    this.wake();
  }

  hangUp() {
    this.over ??= 'cut';
    this.socket.destroy();
  }

  isUsable() {
    return !this.over && this.size + this.input.length === 0 && Date.now() - this.usedMs <= REUSE_MS;
  }

  send({ method, head, body }) {
    this.isHead = method === 'HEAD';
    this.heard = this.deadEarly = this.written = false;
    this.socket.ref();
    this.socket.cork();
    this.socket.write(head);
    this.socket.write(body, (error) => (this.written = !error));
    this.socket.uncork();
  }

  // Some more of what the server says.
  async fill() {
    while (this.waiting.length === 0) {
      if (this.over) throw new Broken(this.over);
      await new Promise((resolve) => (this.wake = resolve));
    }
    const next = this.waiting.shift();
    this.size -= next.length;
    if (this.size <= MOST_WAITING) this.socket.resume();
    this.input = this.input.length > 0 ? Buffer.concat([this.input, next]) : next;
  }

  async line(most) {
    for (;;) {
      const end = this.input.indexOf(10);
      if ((end < 0 ? this.input.length : end) > most) throw new Broken('bad');
      if (end >= 0) {
        const line = this.input.toString('latin1', 0, end);
        this.input = this.input.subarray(end + 1);
        return line.endsWith('\r') ? line.slice(0, -1) : line;
      }
      await this.fill();
    }
  }

  // Status and headers of the response; interim ones (100, 103) are passed over.
  async head() {
    let head;
    do {
      if (this.input.length === 0) await this.fill();
      // A server of TLS or HTTP/2 sends bytes without a line's end, and waits.
      if (!'HTTP/1.'.startsWith(this.input.toString('latin1', 0, 7))) throw new Broken('bad');
      const line = await this.line(RESPONSE_HEAD);
      const [, minor, status] = /^HTTP\/1\.(.) (\d{3})/.exec(line) ?? [];
      if (!(Number(status) >= 100)) this.failBad(line);
      head = { status: Number(status), headers: [], last: minor === '0' };
      let room = RESPONSE_HEAD;
      for (let one; (one = await this.line(room)) !== ''; room -= one.length + 1) {
        const colon = one.indexOf(':');
        // No blank may stand in front of it, but one that hid the length would let us wait.
        if (colon > 0) head.headers.push([one.slice(0, colon).trimEnd(), one.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]);
      }
    } while (head.status < 200);
    this.understand(head);
    return head;
  }

  // What was wrong, for the message.
  failBad(words) {
    this.input = Buffer.from(words, 'latin1');
    throw new Broken('bad');
  }

  understand(head) {
    let length;
    let chunked = false;
    for (const [name, value] of head.headers) {
      const lower = name.toLowerCase();
      if (lower === 'content-length') {
        if (!/^\d{1,19}$/.test(value) || (length !== undefined && Number(value) !== length)) this.failBad(`${name}: ${value}`);
        length = Number(value);
      } else if (lower === 'transfer-encoding') {
        chunked = /chunked/i.test(value);
      } else if (lower === 'connection') {
        head.last = /close/i.test(value) || (head.last && !/keep-alive/i.test(value));
      }
    }
    head.bodiless = this.isHead || head.status === 204 || head.status === 304;
    head.framed = head.bodiless ? 'nothing' : chunked ? 'chunks' : length !== undefined ? 'length' : 'end';
    head.length = length;
    head.last ||= this.isHead || head.framed === 'end'; // some servers close behind HEAD without a word
  }

  // Up to `most` bytes, some at least.
  async take(most) {
    if (this.input.length === 0) await this.fill();
    const part = this.input.subarray(0, most);
    this.input = this.input.subarray(part.length);
    return part;
  }

  async *exactly(length) {
    for (let left = length; left > 0;) {
      const part = await this.take(left);
      left -= part.length;
      yield part;
    }
  }

  async *body(head) {
    if (head.framed === 'length') yield* this.exactly(head.length);
    if (head.framed === 'chunks') yield* this.chunks();
    while (head.framed === 'end') {
      try {
        yield await this.take(Infinity);
      } catch (error) {
        if (error.kind === 'cut') return;
        throw error;
      }
    }
  }

  async *chunks() {
    for (;;) {
      const line = await this.line(4096);
      const [, digits] = /^\s*([0-9A-Fa-f]+)(?:[; \t]|$)/.exec(line) ?? [];
      const length = parseInt(digits, 16);
      if (!Number.isSafeInteger(length)) this.failBad(line);
      if (length === 0) break;
      yield* this.exactly(length);
      if ((await this.line(8)) !== '') throw new Broken('bad');
    }
    while ((await this.line(RESPONSE_HEAD)) !== ''); // trailers
  }

  // Behind a whole response: whether it is kept for another request.
  settle(head) {
    this.usedMs = Date.now();
    this.fresh = false;
    if (head.last || !this.written || this.deadEarly || this.over || this.size + this.input.length > 0) {
      this.hangUp();
      return false;
    }
    this.socket.unref();
    return true;
  }
}
