// When a verdict could not be sent, say so and keep it ready to send again.
//
// The card stays as it is: a verdict carries the key of its card, so sending it twice
// stores it once, and retrying is harmless. It is retried when the network returns.
(() => {
  let pressed = null;

  const box = () => document.querySelector("#card .trouble");

  const say = (text) => {
    const place = box();
    if (!place) return;
    place.querySelector("[data-trouble]").textContent = text;
    place.hidden = false;
  };

  const retry = () => {
    if (pressed && box() && !box().hidden) pressed.click();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-retry]")) return retry();
    const button = event.target.closest("#card button[type=submit]");
    if (button) pressed = button;
  });
  document.addEventListener("htmx:beforeRequest", () => {
    const place = box();
    if (place) place.hidden = true;
  });
  for (const lost of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(lost, () =>
      say("Not saved yet: the server cannot be reached. Your verdict is kept here and is sent when the connection returns."),
    );
  }
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    say(
      status === 403
        ? "Not saved: you signed in or out in another tab. Reload this page and judge again."
        : "Not saved yet: the server had a problem. Your verdict is kept here; try again in a moment.",
    );
  });
  window.addEventListener("online", retry);
})();
