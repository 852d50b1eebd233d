// Runs once in every panel of the page (see gr.HTML's js_on_load): reports clicks on buttons with data-action to the
// server, and keeps what matters in view. The panels' HTML is made on the server.

const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
// Later, since other panels may still be about to change their size.
const scroll = (target, block) =>
  setTimeout(() => target.scrollIntoView({ block, behavior: calm ? "auto" : "smooth" }), 80);

// The quote of a chip is usually in the panel already: then nothing need be asked of the server.
function showSource({ exchange, marker }) {
  const panel = document.querySelector(".aq-sources .aq-panel");
  if (!panel || panel.dataset.exchange !== exchange || !marker) return false;
  const mark = panel.querySelector(`mark[data-marker="${CSS.escape(marker)}"]`);
  if (!mark) return false;
  panel.querySelectorAll(".aq-pointed").forEach((old) => old.classList.remove("aq-pointed"));
  mark.classList.add("aq-pointed");
  mark.closest(".aq-card").classList.add("aq-pointed");
  scroll(mark, "center");
  return true;
}

element.addEventListener("click", (event) => {
  const control = event.target.closest("[data-action]");
  if (!control || !element.contains(control)) return;
  const { action } = control.dataset;
  if (action === "source" && showSource(control.dataset)) return;
  if (action === "add-articles") {
    document.querySelectorAll('button[role="tab"]')[1]?.click();
    return;
  }
  // Asks again; all else only shows something.
  trigger(action === "drop-window" ? "input" : "select", { ...control.dataset });
});

element.addEventListener("change", (event) => {
  const { field } = event.target.dataset;
  if (field) trigger("input", { field, value: event.target.value });
});

let shownExchange = null;
watch("value", () => {
  const focus = element.querySelector("mark.aq-focus");
  if (focus) scroll(focus, "center");
  else if (element.closest(".aq-reading") && element.firstElementChild) scroll(element, "nearest");
  const exchange = element.closest(".aq-latest") && element.querySelector(".aq-exchange");
  if (exchange && exchange.dataset.exchange !== shownExchange) scroll(exchange, "start");
  shownExchange = exchange ? exchange.dataset.exchange : null;
});
