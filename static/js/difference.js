// Show on a key in which words the two answers differ.
//
// Nothing on the page is changed: the words are marked through the browser's highlights,
// so text, selection and screen readers stay as they are.
(() => {
  const MOST = 3000; // words of an answer; beyond that, only words that the other one lacks are marked
  let on = false;

  const wordsIn = (pane) => {
    const found = [];
    const walker = document.createTreeWalker(pane, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (const match of node.data.matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)) {
        found.push({ word: match[0].toLowerCase(), node, from: match.index, to: match.index + match[0].length });
      }
    }
    return found;
  };

  // Words of `ours` outside the longest common subsequence, by the usual table of lengths.
  const lacking = (ours, theirs) => {
    if (ours.length > MOST || theirs.length > MOST) {
      const known = new Set(theirs.map((one) => one.word));
      return ours.filter((one) => !known.has(one.word));
    }
    const wide = theirs.length + 1;
    const length = new Uint16Array((ours.length + 1) * wide);
    for (let i = ours.length - 1; i >= 0; i--) {
      for (let j = theirs.length - 1; j >= 0; j--) {
        length[i * wide + j] =
          ours[i].word === theirs[j].word
            ? length[(i + 1) * wide + j + 1] + 1
            : Math.max(length[(i + 1) * wide + j], length[i * wide + j + 1]);
      }
    }
    const found = [];
    for (let i = 0, j = 0; i < ours.length; ) {
      if (j < theirs.length && ours[i].word === theirs[j].word) {
        i++;
        j++;
      } else if (j < theirs.length && length[i * wide + j + 1] >= length[(i + 1) * wide + j]) j++;
      else found.push(ours[i++]);
    }
    return found;
  };

  const rangeOf = (one) => {
    const range = document.createRange();
    range.setStart(one.node, one.from);
    range.setEnd(one.node, one.to);
    return range;
  };

  const draw = () => {
    const button = document.querySelector("#card [data-difference]");
    CSS.highlights.delete("differs");
    if (!button) return;
    button.hidden = false;
    button.setAttribute("aria-pressed", String(on));
    if (!on) return;
    const [left, right] = ["left", "right"].map((side) => wordsIn(document.querySelector(`#card [data-answer=${side}]`)));
    CSS.highlights.set("differs", new Highlight(...[...lacking(left, right), ...lacking(right, left)].map(rangeOf)));
  };

  if (!("highlights" in CSS)) return;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-difference]")) return;
    on = !on;
    draw();
  });
  document.addEventListener("tiebreak:shown", draw);
  draw();
})();
