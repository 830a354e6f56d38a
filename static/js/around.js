// Show a new rater around: one place at a time, pointed at on the page itself.
//
// Without this script the same words are a short list with one button.
(() => {
  const around = document.querySelector("[data-around]");
  if (!around) return;
  const steps = [...around.querySelectorAll("[data-at]")];
  const [before, after, end] = ["before", "after", "end"].map((name) => around.querySelector(`[data-${name}]`));
  let at = 0;

  const point = () => {
    document.querySelector(".pointed-at")?.classList.remove("pointed-at");
    const place = [...document.querySelectorAll(steps[at].dataset.at)].find((one) => !around.contains(one));
    place?.classList.add("pointed-at");
    place?.scrollIntoView({ block: "nearest" });
    steps.forEach((step, number) => (step.hidden = number !== at));
    around.querySelector("[data-place]").textContent = `${at + 1} / ${steps.length}`;
    before.disabled = at === 0;
    after.hidden = at === steps.length - 1;
    end.hidden = !after.hidden;
    (after.hidden ? end : after).focus({ preventScroll: true });
  };

  around.classList.add("stepwise");
  for (const hidden of [before, around.querySelector("[data-place]")]) hidden.hidden = false;
  around.addEventListener("click", (event) => {
    if (event.target === before) at -= 1;
    else if (event.target === after) at += 1;
    else return;
    point();
  });
  // Away with it at once; that it was seen is sent beside.
  around.addEventListener("submit", (event) => {
    event.preventDefault();
    fetch(event.target.action, { method: "POST", body: new URLSearchParams(new FormData(event.target)), redirect: "manual" }).catch(() => {});
    document.querySelector(".pointed-at")?.classList.remove("pointed-at");
    around.remove();
    document.dispatchEvent(new Event("tiebreak:shown"));
  });
  point();
})();
