// The next comparison is on the page before it is wanted: from the key to the next pair nothing has to travel.
//
// The server leases a few comparisons to this page and sends their cards. A judgment is
// handed to outbox.js, and the next card takes its place at once; with each receipt the
// server sends what the page does not hold yet.
(() => {
  let cards = [];
  let judged = ""; // address of what was judged last here, which undo goes back to
  const left = new Map(); // address of a card → the card, until its judgment is stored
  // Addresses judged or skipped here: what was under way, be it a reload, may still bring their cards.
  const DONE = "tiebreak-done";
  const done = new Set(JSON.parse(sessionStorage.getItem(DONE) || "[]"));

  const shown = () => document.getElementById("card");
  const addressOf = (card) => card.querySelector("#verdict[data-ahead]")?.getAttribute("action") || "";
  const pathOf = (address) => new URL(address, location).pathname;
  const isUnsent = (address) => address && document.body.dataset.unsent.split(" ").includes(pathOf(address));

  const note = () => {
    const held = [shown(), ...cards].map((card) => /(\d+)\/$/.exec(addressOf(card))?.[1]);
    document.body.dataset.cards = held.filter(Boolean).join(",");
  };

  const show = (card) => {
    shown().replaceWith(card);
    window.htmx.process(card);
    window.scrollTo(0, 0);
    document.dispatchEvent(new Event("tiebreak:shown"));
    note();
  };

  const waiting = () => document.getElementById("next-card").content.firstElementChild.cloneNode(true);

  const take = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const sent of page.querySelectorAll("template[data-card]")) {
      const card = document.importNode(sent.content, true).firstElementChild;
      const address = addressOf(card);
      const known = [shown(), ...cards].some((one) => addressOf(one) === address);
      const isNews = !known && !isUnsent(address) && !(address && done.has(pathOf(address)));
      if (address ? isNews : shown().matches(".loading") && !cards.length) cards.push(card);
    }
    const progress = page.querySelector("[data-progress]");
    if (progress) shown().querySelector(".progress-line")?.replaceChildren(...progress.cloneNode(true).childNodes);
    if (shown().matches(".loading") && cards.length) show(cards.shift());
    note();
    return page;
  };

  const ask = async () => {
    try {
      const response = await fetch(document.body.dataset.next, {
        headers: { "X-Tiebreak-Cards": document.body.dataset.cards || "" },
        redirect: "error",
      });
      if (response.ok) take(await response.text());
    } catch {
      /* without a network the page works on with what it holds */
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("#verdict[data-ahead]");
    if (!form || event.defaultPrevented) return;
    event.preventDefault();
    const isSkip = event.submitter?.matches("[data-skip]");
    const body = new URLSearchParams(new FormData(form, event.submitter));
    body.delete("csrfmiddlewaretoken");
    const card = pathOf(form.action);
    left.set(card, shown());
    done.add(card);
    if (!isSkip) judged = form.action;
    show(cards.shift() || waiting());
    const undo = shown().querySelector("[data-undo]");
    if (undo && judged) {
      undo.href = judged;
      undo.setAttribute("hx-get", judged);
      undo.hidden = false;
      window.htmx.process(undo);
    }
    const url = isSkip ? event.submitter.formAction : form.action;
    document.dispatchEvent(new CustomEvent("tiebreak:judged", { detail: { url, card, body: body.toString() } }));
  });

  document.addEventListener("tiebreak:stored", (event) => {
    left.delete(event.detail.entry.card);
    sessionStorage.setItem(DONE, JSON.stringify([...done].slice(-50)));
    const page = take(event.detail.html);
    const receipt = page.querySelector("[data-receipt]");
    if (receipt) document.getElementById("receipt").replaceChildren(document.importNode(receipt, true));
  });

  document.addEventListener("tiebreak:refused", (event) => {
    const { card } = event.detail.entry;
    const back = left.get(card);
    left.delete(card);
    done.delete(card); // what lapsed may come back
    const page = take(event.detail.html);
    const notice = page.querySelector("[data-notice]");
    if (event.detail.status === 422 && back) {
      if (!shown().matches(".loading")) cards.unshift(shown());
      const fresh = page.querySelector("template[data-again]");
      show(fresh ? document.importNode(fresh.content, true).firstElementChild : back);
    } else if (notice) {
      const said = document.importNode(notice, true);
      const words = new URLSearchParams(event.detail.entry.body).getAll("rationale").join("\n");
      if (words) {
        said.append(document.getElementById("kept-words").content.cloneNode(true));
        said.querySelector(".kept-words").textContent = words;
      }
      shown().querySelector(".progress-line")?.after(said);
    }
  });

  // A card that came by htmx (skip, undo, a waiting page that woke up) may be one that is held here.
  document.addEventListener("htmx:afterSwap", () => {
    cards = cards.filter((card) => addressOf(card) !== addressOf(shown()));
    document.dispatchEvent(new Event("tiebreak:shown"));
    note();
    ask();
  });

  note();
  const first = addressOf(shown());
  if (isUnsent(first) || (first && done.has(pathOf(first)))) show(waiting());
  if (shown().matches(".has-pair, .loading")) requestIdleCallback(ask);
})();
