// The life of a web server: its start on a port of its own, the moment when it listens, its successor when it has gone.
//
// The port is told as PORT, AWS_LAMBDA_HTTP_ENDPOINT and {port}. A connection is tried until one is taken: that one carries
// the first request, and the server sees none of ours.

const STEP_MS = 2;
const LOOK_ELSEWHERE_MS = 2000;
const ENDS = 4; // three restarts
const ENDS_MS = 10000; // in so short a time are enough
let ends = []; // when a server ended by itself, the oldest first

const endsAgainAndAgain = () => ends.length === ENDS && ends[ENDS - 1] - ends[0] <= ENDS_MS;

function freePort() {
  return new Promise((resolve, reject) => {
    const listener = net.createServer().once('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

class Server {
  requestId; // of the last event
  tail = NOTHING;
  gone = null; // how it ended, {code, signal} or {error}
  told = false; // an error or the log has said that
  ready = false; // it has taken a connection
  spent = false; // it is killed when the last event under way has ended
  idle = []; // connections that are kept
  begun = this.start();

  get addresses() {
    if (http.socket) return [{ path: http.socket }];
    return ['127.0.0.1', '::1'].map((host) => ({ host, port: this.port }));
  }

  get expectedPlace() {
    return http.socket || `127.0.0.1:${this.port}`;
  }

  async start() {
    this.port = http.socket ? 0 : http.port || (await freePort());
    if (http.socket) fs.rmSync(http.socket, { force: true });
    const owner = http.port && (await Link.to(this.addresses));
    owner?.hangUp?.();
    if (owner) return this.end({ taken: true });
    const fillIn = (text) => text.replaceAll('{port}', String(this.port)).replaceAll('{socket}', http.socket);
    const { AWS_LAMBDA_RUNTIME_API, ...rest } = environment; // a server that links a runtime must not fetch events
    const variables = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, fillIn(value)]));
    if (this.port) Object.assign(variables, { PORT: String(this.port), AWS_LAMBDA_HTTP_ENDPOINT: `127.0.0.1:${this.port}` });
    try {
      this.child = spawn(start[0], [...start.slice(1), ...http.arguments.map(fillIn)], {
        cwd: root,
        env: variables,
        detached: true, // a group of its own, so that all of it can be ended
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      return this.end({ error });
    }
    this.child.once('error', (error) => this.end({ error }));
    this.child.once('exit', (code, signal) => this.end({ code, signal }));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      const lines = new Lines();
      stream?.on('error', () => {}); // its end says more
      stream?.on('data', (bytes) => {
        this.tail = Buffer.concat([this.tail, bytes]).subarray(-2 * TAIL);
        stream.pause();
        log.write(lines.take(bytes, this.requestId), () => stream.resume());
      });
      stream?.once('end', () => log.write(lines.end(this.requestId)));
    }
    for (const handle of [this.child, this.child.stdout, this.child.stderr]) handle?.unref?.();
  }

  end(how) {
    if (!this.gone && 'code' in how) ends = [...ends, Date.now()].slice(-ENDS);
    this.gone ??= how;
    this.kill();
  }

  // Wait for its end.
  async ended(until) {
    while (!this.gone && Date.now() < until) await sleep(1);
  }

  async listens() {
    const link = await Link.to(this.addresses);
    link?.hangUp();
    return link !== undefined;
  }

  howItEnded() {
    const { code, signal } = this.gone;
    this.told = true;
    return signal ? `was killed by signal ${os.constants.signals[signal]} (${signal})` : `ended with exit code ${code}`;
  }

  // The server, and whatever it has started in its group.
  kill(signal = 'SIGKILL') {
    try {
      if (this.child?.pid) process.kill(-this.child.pid, signal);
    } catch {
      // it is gone already
    }
    this.idle.splice(0).forEach((link) => link.hangUp());
  }

  // What it said last, for a message.
  async lastWords() {
    const until = Date.now() + LAST_WORDS_MS;
    while (this.gone && this.child?.stderr && !this.child.stderr.readableEnded && Date.now() < until) await sleep(1);
    return lastLinesOf(this.tail);
  }

  failure(type, what) {
    return failure(type, `${main} ${what}`, lastLinesOf(this.tail));
  }

  // Wait until it takes a connection; that one is kept for the request. Throws why it does not.
  async isReady(until) {
    const since = Date.now();
    for (let told = false; ; await sleep(STEP_MS)) {
      await this.begun;
      if (this.gone) throw await this.failureBeforeReady();
      const link = await Link.to(this.addresses);
      if (link && (http.ready === 'listen' || (await answersWell(link, until)))) {
        this.ready = true;
        if (!link.over) this.idle.push(link);
        return;
      }
      link?.hangUp();
      if (Date.now() >= until) throw this.failureNotReady();
      if (!told && Date.now() - since > LOOK_ELSEWHERE_MS) {
        told = true;
        const elsewhere = elsewhereOf(this);
        if (elsewhere) warn(`${main} does not listen on port ${this.port} yet${elsewhere}`);
      }
    }
  }

  async failureBeforeReady() {
    if (this.gone.error) return startFailure(this.gone.error);
    if (this.gone.taken) {
      const what = `port ${http.port} of ${main} is taken by another process; let lambda.toml say port = 0 (a free one)`;
      return failure('Runtime.PortInUse', what);
    }
    await this.lastWords();
    return this.failure('Runtime.ExitError', `${this.howItEnded()} before it listened on ${this.expectedPlace}`);
  }

  failureNotReady() {
    const well = http.ready === 'listen' ? '' : ` and answer ${http.ready} below 500`;
    return this.failure('Runtime.NotListening', `does not listen on ${this.expectedPlace}${well}${elsewhereOf(this)}`);
  }

  // A connection for a request: a kept one, or a new one; undefined when it takes none until then.
  async link(until) {
    for (let kept; (kept = this.idle.pop()); kept.hangUp()) if (kept.isUsable()) return kept;
    for (;;) {
      const link = await Link.to(this.addresses);
      if (link || this.gone || Date.now() >= until) return link;
      await sleep(STEP_MS);
    }
  }
}

// Whether a path answers below 500, where lambda.toml asks for that.
async function answersWell(link, until) {
  const timer = setTimeout(() => link.end('timeout'), Math.max(0, Math.min(until - Date.now(), LONGEST_TIMER)));
  try {
    link.send({ method: 'GET', head: Buffer.from(`GET ${http.ready} HTTP/1.1\r\nHost: localhost\r\n\r\n`), body: NOTHING });
    const head = await link.head();
    for await (const _ of link.body(head)); // eslint-disable-line no-empty
    link.settle(head);
    return head.status < 500;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

// ---- where it listens in fact ----

function listensOn(server, table) {
  const read = (act, otherwise) => {
    try {
      return act();
    } catch {
      return otherwise; // it is another's, or gone
    }
  };
  const group = read(() => fs.readdirSync('/proc'), []).filter((pid) => {
    const fields =
      /^\d+$/.test(pid) &&
      read(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1'), '')
        .split(') ')
        .pop()
        .split(' ');
    return fields && Number(fields[2]) === server.child?.pid;
  });
  const sockets = new Set(
    group.flatMap((pid) =>
      read(() => fs.readdirSync(`/proc/${pid}/fd`), []).map((fd) => read(() => fs.readlinkSync(`/proc/${pid}/fd/${fd}`), '')),
    ),
  );
  for (const line of read(() => fs.readFileSync(table, 'latin1'), '')
    .split('\n')
    .slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[3] === '0A' && sockets.has(`socket:[${fields[9]}]`)) return parseInt(fields[1].split(':').pop(), 16);
  }
  return 0;
}

function elsewhereOf(server) {
  const port = listensOn(server, '/proc/net/tcp') || listensOn(server, '/proc/net/tcp6');
  if (!port) return '';
  if (port === server.port) return '; it listens on that port of another address, and 127.0.0.1 is needed';
  return `; it listens on port ${port}: let it take the port from PORT or from {port} in \`arguments\`, or set port = ${port}`;
}
