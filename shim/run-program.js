// The program of `process = "per-event"` and `"persistent"`, and what it says on stdout.

const perEvent = settings.process === 'per-event';
const persistent = settings.process === 'persistent';
const prestarts = persistent || (perEvent && settings.prestart);
const HEAD = 672; // a frame's head is shorter
const command = [...start, ...settings.arguments];

// ---- one running program ----

const alive = new Set();
process.on('exit', () => alive.forEach((one) => one.kill()));

// What happens to it is told to `client`: {onBytes(bytes), onSilence(), onEnd()}; the end also stands in `gone`.
class Program {
  requestId; // of its event, the last one's between events
  said = new Lines(); // on stderr
  strayed = new Lines(); // on stdout
  frames = new Frames((bytes) => {
    this.remember(bytes);
    log.write(this.strayed.take(bytes, this.requestId));
  });
  tail = NOTHING;
  gone = null; // how it ended, {code, signal} or {error}
  served = false; // it has answered an event
  static endedUnasked = false; // the last one, before its first event: it fails at its start

  constructor(variables = {}) {
    this.client = this.rest;
    try {
      this.child = spawn(command[0], command.slice(1), {
        cwd: root,
        env: { ...environment, ...variables },
        detached: true, // a group of its own, so that all of it can be ended
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    } catch (error) {
      this.gone = { error };
      return;
    }
    alive.add(this);
    this.child.once('error', (error) => this.end({ error }));
    this.child.once('exit', (code, signal) => this.end({ code, signal }));
    const { stdin, stdout, stderr } = this.child;
    for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => {}); // its end says more
    stdout?.on('data', (bytes) => {
      this.client.onBytes(bytes);
      if (perEvent || log.size <= WAITING / 2) return;
      stdout.pause();
      log.room().then(() => stdout.resume());
    });
    stdout?.once('end', () => this.client.onSilence());
    if (perEvent) stdout?.pause(); // what it says now is said to the event
    stderr?.on('data', (bytes) => {
      this.remember(bytes);
      stderr.pause();
      log.write(this.said.take(bytes, this.requestId), () => stderr.resume());
    });
    stderr?.once('end', () => [this.said, this.strayed].forEach((lines) => log.write(lines.end(this.requestId))));
    this.hold(false);
  }

  // Between events: whatever a persistent program says is log, and one that breaks the frames is used no more.
  rest = {
    onBytes: (bytes) => {
      if (this.frames.take(bytes, null) === null) return;
      log.write(note('the program wrote more than its answer had bytes; it is started anew'));
      this.drop();
    },
    onSilence: () => {
      this.rest.onEnd();
      this.drop();
    },
    onEnd: () => (Program.endedUnasked ||= !this.served),
  };

  // What it said last, for a message.
  remember(bytes) {
    this.tail = Buffer.concat([this.tail, bytes.subarray(-2 * TAIL)]).subarray(-2 * TAIL);
  }

  end(how) {
    if (this.gone) return;
    this.gone = how;
    this.kill();
    this.client.onEnd();
  }

  // Whether Node has to stay for it.
  hold(held) {
    for (const handle of [this.child, ...(this.child?.stdio ?? [])]) handle?.[held ? 'ref' : 'unref']();
  }

  // The program, and whatever it has started in its group.
  kill() {
    alive.delete(this);
    try {
      if (this.child?.pid) process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // it is gone already, or has left the group
    }
    this.child?.kill('SIGKILL');
  }

  // Nothing more is wanted from it. A daemon that still holds its stdout does not hold us.
  drop() {
    this.client = this.rest;
    this.gone ??= {};
    this.kill();
    this.child?.stdin?.destroy();
    this.child?.stdout?.destroy();
  }

  // Wait until all that stood in a pipe was read: what comes later comes from somebody else.
  async drain(stream, limitMs = Infinity) {
    const until = Date.now() + limitMs;
    for (let quiet = 0; stream && quiet < 3 && !stream.readableEnded && !stream.destroyed && Date.now() < until;) {
      const before = stream.bytesRead;
      await (stream.isPaused() ? sleep(1) : turn());
      quiet = stream.isPaused() || stream.bytesRead > before ? 0 : quiet + 1;
    }
  }

  async lastWords() {
    await this.drain(this.child?.stderr, LAST_WORDS_MS);
    await log.written();
    if (this.gone && this.said.open) await this.endLine();
    return this.lastLines();
  }

  // A failure is a line of its own, whatever the program said last. Nobody waits long for a log that is not read.
  endLine() {
    this.said.open = false;
    return Promise.race([new Promise((done) => log.write(Buffer.from('\n'), done)), sleep(LAST_WORDS_MS)]);
  }

  lastLines() {
    return lastLinesOf(this.tail);
  }
}

// ---- persistent: frames on stdout ----

// Reads stdout as lines until the head of the frame we wait for, `<request id> <length>`, or `<request id> error <length>
// <Type>` before the message of a failure; what is no such head is log.
class Frames {
  place = 'lines'; // or 'answer'; 'behind': directly after a frame, where a line break may stand; 'broken': after a head that is none
  line = NOTHING; // the line so far
  longLine = false; // it is too long for a head, and its beginning is in the log already
  left = 0; // bytes of the answer still to come

  constructor(stray) {
    this.stray = stray; // gets what is log
  }

  // Take what stdout said; `expected` is null between events. Returns how the frames were broken, if they were.
  take(bytes, expected) {
    while (bytes.length > 0 && this.place !== 'broken') {
      if (this.place === 'behind') {
        if (bytes[0] !== 10) return 'wrote more than the length of its answer; the length counts bytes, not characters';
        this.place = 'lines';
        bytes = bytes.subarray(1);
      } else if (this.place === 'lines') {
        bytes = this.takeLine(bytes, expected);
        if (this.place === 'broken') {
          return (
            'began an answer with a head that is none (it is the last line of the log); ' +
            '`<request id> <length>` or `<request id> error <length> <Type>`'
          );
        }
      } else {
        const part = bytes.subarray(0, this.left);
        bytes = bytes.subarray(part.length);
        this.left -= part.length;
        expected.give(part);
      }
      if (this.place === 'answer' && this.left === 0) {
        this.place = 'behind';
        expected.complete();
        expected = null; // the first frame is the answer; what follows is log
      }
    }
    return null;
  }

  // The answer begins a line of its own, whatever was said before the event.
  beginLine() {
    if (this.longLine || this.line.length > 0) this.stray(Buffer.concat([this.line, Buffer.from('\n')]));
    this.place = 'lines';
    this.line = NOTHING;
    this.longLine = false;
  }

  takeLine(bytes, expected) {
    const end = bytes.indexOf(10);
    const more = end < 0 ? bytes : bytes.subarray(0, end);
    if (this.longLine || this.line.length + more.length > HEAD) {
      this.stray(Buffer.concat([this.line, more]));
      this.line = NOTHING;
      this.longLine = true;
    } else {
      this.line = Buffer.concat([this.line, more]);
    }
    if (end < 0) return NOTHING;
    const head = expected ? this.headOf(expected.id) : null;
    const [, failed, length, type] = /^(error )?(\d{1,10})(?: ((?<=error \d+ )[A-Za-z][\w.]{0,127}))?$/.exec(head ?? '') || [];
    if (length === undefined) {
      if (head !== null) this.place = 'broken'; // it bears the id of the request under way
      this.stray(Buffer.concat([this.line, Buffer.from('\n')]));
    } else {
      this.place = 'answer';
      this.left = Number(length);
      expected.start(this.left, failed && (type ?? 'Function.HandlerError'));
    }
    this.line = NOTHING;
    this.longLine = false;
    return bytes.subarray(end + 1);
  }

  headOf(id) {
    const text = this.longLine ? '' : this.line.toString('latin1');
    return text.startsWith(`${id} `) ? text.slice(id.length + 1) : null;
  }
}
