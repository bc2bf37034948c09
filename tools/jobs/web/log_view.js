// The log of one job, followed from where it was read to: nothing is read twice.

const LOG_CHARACTERS_MAX = 400000;  // older ones leave the page, not the file
const LOG_PIECES_MAX = 16;          // a poll, so that a fast log does not hold up the rest

const logView = {
  job: null, offset: null, complete: false, decoder: null, reading: false,

  open(job, title) {
    if (this.job === job) return;
    Object.assign(this, {job, offset: null, complete: false,
      decoder: new TextDecoder()});
    setText(byId("log-job"), title);
    setText(byId("log-note"), "");
    byId("log").replaceChildren();
  },

  scroll() {
    const log = byId("log");
    if (byId("log-follow").checked) log.scrollTop = log.scrollHeight;
  },

  async follow() {
    if (this.job === null || this.reading) return;
    this.reading = true;
    try {
      for (let piece = 0; piece < LOG_PIECES_MAX && await this.read(); ++piece);
    } finally {
      this.reading = false;
    }
  },

  // Whether there may be more at once.
  async read() {
    const {job} = this;
    const from = this.offset === null ? "" : `?offset=${this.offset}`;
    const answer = await fetch(`api/jobs/${job}/log${from}`, {cache: "no-store"});
    const bytes = await answer.arrayBuffer();
    if (this.job !== job) return false;  // another was chosen meanwhile
    if (answer.status === 416) {  // shorter than it was: from its new end on
      this.offset = null;
      return true;
    }
    if (!answer.ok) throw new Error(`log: ${answer.status}`);
    const first = this.offset === null;
    this.offset = Number(answer.headers.get("X-Log-Offset")) + bytes.byteLength;
    const size = Number(answer.headers.get("X-Log-Size"));
    this.complete = answer.headers.get("X-Log-Complete") === "true";
    if (bytes.byteLength > 0) this.append(this.decoder.decode(bytes, {stream: true}));
    const skipped = this.offset - bytes.byteLength;
    if (first && skipped > 0) {
      setText(byId("log-note"),
        `begins ${skipped} bytes in; the whole log: tatami logs ${job}`);
    } else if (size === 0) {
      setText(byId("log-note"), "nothing written yet");
    } else if (first || byId("log-note").textContent === "nothing written yet") {
      setText(byId("log-note"), "");
    }
    return this.offset < size;
  },

  append(text) {
    const log = byId("log");
    const kept = log.textContent.length;
    log.append(document.createTextNode(text));
    let over = kept + text.length - LOG_CHARACTERS_MAX;
    while (over > 0 && log.childNodes.length > 1) {
      over -= log.firstChild.data.length;
      log.firstChild.remove();
    }
    this.scroll();
  },
};
