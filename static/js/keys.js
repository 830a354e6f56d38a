// Judge from the keyboard: a digit or a home-row key presses the button in that place.
//
// HTML's accesskey needs a chord, which hurts after an hour. Keys are read by their
// place (event.code), so the row stays a row on AZERTY or Dvorak. While a field has the
// focus, keys are letters; Escape leaves the field.
(() => {
  const ROW = ["KeyA", "KeyS", "KeyD", "KeyF", "KeyG", "KeyH", "KeyJ", "KeyK", "KeyL"];

  const placeOf = (code) => {
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code);
    return digit ? Number(digit[1]) : ROW.indexOf(code) + 1;
  };

  const targetOf = (code) => {
    const place = placeOf(code);
    return place
      ? document.querySelector(`#verdict button[data-place="${place}"]`)
      : document.querySelector(`[data-key~="${code}"]`);
  };

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("textarea, input, select");
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
})();
