// Several questions, one after the other: an answer opens the next question, the last one saves.
//
// HTML shows all of them at once, which hides the answers that they are about. Questions
// that are answered fold to a line that says how; a press on it opens it again. What comes
// later shows when it is its turn.
(() => {
  const form = () => document.querySelector("#verdict[data-steps]");
  const questions = () => [...form().querySelectorAll("[data-question]")];

  const groups = (question) => new Set([...question.querySelectorAll("input[type=radio]")].map((one) => one.name));
  const isDone = (question) =>
    [...groups(question)].every((name) => question.querySelector(`input[name="${CSS.escape(name)}"]:checked`));

  const saidIn = (question) =>
    [...question.querySelectorAll(":checked")].map((one) => one.closest("label").querySelector("span").textContent).join(" / ");

  const show = (current) => {
    form().toggleAttribute("data-done", questions().every(isDone));
    for (const question of questions()) {
      question.classList.toggle("current", question === current);
      question.classList.toggle("later", question !== current && !isDone(question));
      question.querySelector("[data-said]").textContent = question === current ? "" : saidIn(question);
    }
  };

  const goOn = () => {
    const next = questions().find((question) => !isDone(question));
    show(next);
    if (next) return;
    const why = form().querySelector("[data-reason]");
    const edit = form().querySelector("details.edit");
    if (why && !why.value) why.focus();
    else if (why || edit) form().querySelector("[data-save]").focus();
    else form().requestSubmit(form().querySelector("[data-save]"));
  };

  const begin = () => {
    if (!form() || form().dataset.stepping) return;
    form().dataset.stepping = "yes";
    show(questions().find((question) => !isDone(question)) || questions()[0]);
  };

  document.addEventListener("change", (event) => {
    const question = event.target.closest("#verdict[data-steps] [data-question]");
    if (question && event.target.type === "radio" && isDone(question)) goOn();
  });
  document.addEventListener("click", (event) => {
    const legend = event.target.closest("#verdict[data-steps] [data-question]:not(.current) [data-reopen]");
    if (legend) show(legend.closest("[data-question]"));
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-slider]")) event.target.closest("label").querySelector("output").value = event.target.value;
  });
  document.addEventListener("tiebreak:shown", begin);
  begin();
})();
