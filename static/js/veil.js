// What may unsettle is blurred by the style sheet until the rater asks for it; here it is also kept from
// screen readers, from the keyboard and from copying, which a blur alone is not.
(() => {
  const draw = () => {
    const card = document.querySelector("#card.veiled");
    if (!card) return;
    const isHidden = !card.querySelector("[data-unveil]").checked;
    for (const part of card.querySelectorAll(".conversation, .panes")) part.inert = isHidden;
  };

  document.addEventListener("change", (event) => event.target.matches("[data-unveil]") && draw());
  document.addEventListener("tiebreak:shown", draw);
  draw();
})();
