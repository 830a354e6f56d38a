// Keep folds open while a live fragment replaces itself.
//
// The server does not know which <details> the reader opened, and a fragment that comes
// back every two seconds would close them. A fold with an id stays as the reader left it.
(() => {
  let open = [];

  document.addEventListener("htmx:beforeSwap", () => {
    open = [...document.querySelectorAll("details[id][open]")].map((fold) => fold.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  });
})();
