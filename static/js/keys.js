// Judge from the keyboard: the key that stands on a button presses it, and a digit presses the one in that place.
//
// HTML's accesskey needs a chord, which hurts after an hour. Keys are read by their
// place (event.code), so a row stays a row on AZERTY or Dvorak; which place does what
// comes with the page, because every rater may move it. While a field has the focus,
// keys are letters; Escape leaves the field.
(() => {
  const TEXT = "textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])";

  const question = () => document.querySelector("#verdict .question.current") || document.querySelector("#verdict .question");

  // Points for two answers are two rows: the first one without points comes first.
  const rowOf = (scope) =>
    [...scope.querySelectorAll("[role=radiogroup]")].find((row) => !row.querySelector(":checked")) ||
    scope.querySelector("[role=radiogroup]") ||
    scope;

  // An open sheet with keys of its own takes them all; so does being shown around.
  const sheet = () => document.querySelector("[data-keys-here]:popover-open, .around.stepwise");

  const targetOf = (code) => {
    const scope = sheet() || question();
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(code);
    return (
      scope?.querySelector(`[data-key~="${code}"]`) ||
      (digit && scope && rowOf(scope).querySelector(`[data-place="${digit[1]}"]`)) ||
      (!sheet() && [...document.querySelectorAll(`[data-key~="${code}"]`)].find((one) => !one.closest(".question, [data-keys-here], .around")))
    );
  };

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest(TEXT);
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    // An open sheet closes on Escape by itself.
    if (event.code === "Escape" && document.querySelector("[popover]:popover-open")) return;
    const target = targetOf(event.code);
    if (!target || target.matches(":disabled")) return;
    event.preventDefault();
    target.click();
    if (target.tagName === "SUMMARY") target.parentElement.querySelector("textarea")?.focus();
  });

  // What is printed on this keyboard, where the browser knows.
  const relabel = async () => {
    const layout = await navigator.keyboard?.getLayoutMap?.().catch(() => null);
    if (!layout) return;
    for (const mark of document.querySelectorAll("kbd[data-code]")) {
      mark.textContent = (layout.get(mark.dataset.code) || mark.textContent).toUpperCase();
    }
  };
  document.addEventListener("tiebreak:shown", relabel);
  relabel();
})();
