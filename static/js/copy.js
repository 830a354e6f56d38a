// Copy an answer: HTML has no button for that.
(() => {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.querySelector(`#card [data-answer=${button.dataset.copy}]`).innerText;
    try {
      await navigator.clipboard.writeText(text);
      document.getElementById("receipt").replaceChildren(Object.assign(document.createElement("span"), { textContent: button.dataset.done }));
    } catch {
      getSelection().selectAllChildren(document.querySelector(`#card [data-answer=${button.dataset.copy}]`));
    }
  });
})();
