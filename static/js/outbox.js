// No judgment and no skip is lost between a key press and the server.
//
// A judgment is kept in this browser before anything else happens, and let go when the
// server has said that it is stored. They are sent one after the other, in order; each
// carries the key of its card, so sending it again stores it once. A lost network, a
// reload and a second tab change nothing about that.
(() => {
  const PLACE = `tiebreak-unsent ${document.body.dataset.rater} ${document.body.dataset.project} `;
  const WAIT = [1, 2, 4, 8, 15, 30];
  let memory = []; // where the browser refuses to keep anything: still sent, as long as the page is open
  let tries = 0;
  let timer = 0;

  // An item each, so that two tabs never write over each other's; the name begins with the time, which is the order.
  const stored = () => {
    try {
      const names = Object.keys(localStorage).filter((name) => name.startsWith(PLACE)).sort();
      return names.map((name) => ({ name, ...JSON.parse(localStorage.getItem(name)) }));
    } catch {
      return [];
    }
  };
  const unsent = () => [...stored(), ...memory];

  // ahead.js reads there which cards are judged or skipped already.
  const note = () => {
    document.body.dataset.unsent = unsent().map((entry) => entry.card).join(" ");
  };
  const keep = (entry) => {
    const name = `${PLACE}${String(Date.now()).padStart(15, "0")} ${new URLSearchParams(entry.body).get("key")}`;
    try {
      localStorage.setItem(name, JSON.stringify(entry));
    } catch {
      memory.push({ name, ...entry });
    }
    note();
  };
  const letGo = (entry) => {
    memory = memory.filter((one) => one.name !== entry.name);
    try {
      localStorage.removeItem(entry.name);
    } catch {
      /* it was in memory only */
    }
    note();
  };

  const say = (text) => {
    const place = document.getElementById("unsent");
    const count = unsent().length;
    place.hidden = !text;
    place.querySelector("[data-trouble]").textContent = text;
    place.querySelector("[data-count]").textContent = text && count > 1 ? `${place.dataset.waiting} ${count}` : "";
  };
  const words = (name) => document.getElementById("unsent").dataset[name];
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

  const posted = (entry) =>
    fetch(entry.url, {
      method: "POST",
      body: new URLSearchParams(entry.body),
      headers: {
        "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value,
        "X-Tiebreak-Cards": document.body.dataset.cards || "",
      },
      redirect: "manual",
      signal: AbortSignal.timeout(20000),
    });

  // True when the entry is done with, whatever came of it.
  const settle = async (entry) => {
    let response;
    try {
      response = await posted(entry);
    } catch {
      say(words("lost"));
      return false;
    }
    if (response.type === "opaqueredirect" || response.status === 403) {
      say(words("signedOut"));
      return false;
    }
    const html = await response.text().catch(() => null);
    if (html === null || response.status === 429 || response.status >= 500) {
      say(words("broken"));
      return false;
    }
    letGo(entry);
    const isSaid = response.ok || response.status === 409 || response.status === 422; // the page says what became of it
    if (!isSaid) say(words("refused"));
    else if (!unsent().length) say("");
    tell(response.ok ? "tiebreak:stored" : "tiebreak:refused", { entry, html, status: response.status });
    return true;
  };

  const empty = async () => {
    for (let entry = unsent()[0]; entry; entry = unsent()[0]) {
      if (!(await settle(entry))) {
        timer = setTimeout(send, 1000 * WAIT[Math.min(tries++, WAIT.length - 1)]);
        return;
      }
      tries = 0;
    }
  };

  // One tab sends at a time. Without locks (plain http) the keys of the cards still store everything once.
  let sending = Promise.resolve();
  const send = () => {
    clearTimeout(timer);
    sending = sending.then(() => (navigator.locks ? navigator.locks.request(PLACE, empty) : empty()));
  };

  document.addEventListener("tiebreak:judged", (event) => {
    keep(event.detail);
    send();
  });
  document.addEventListener("click", (event) => event.target.closest("[data-retry]") && send());
  window.addEventListener("online", send);
  note();
  if (unsent().length) send();
})();
