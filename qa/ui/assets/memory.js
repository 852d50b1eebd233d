// Runs once in the panels of kept conversations and of what stands under an answer, after popover.js: tells whose page
// this is, opens the list, reports thumbs and their form. The panels' HTML is made on the server.

const isHistory = () => element.querySelector(".aq-history-slot") !== null;
const dialog = () => element.querySelector("dialog.aq-history");

// A random secret says whose conversations are whose; it stays in this browser, and the server keeps a hash of it.
function secret() {
  try {
    const known = localStorage.getItem("aq-owner");
    if (/^[0-9a-f]{64}$/.test(known ?? "")) return known;
    const made = [...crypto.getRandomValues(new Uint8Array(32))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    localStorage.setItem("aq-owner", made);
    return made;
  } catch {
    return ""; // this browser keeps nothing, so nothing is kept of it
  }
}
function shownBefore(conversation) {
  try {
    if (conversation === undefined) return sessionStorage.getItem("aq-conversation") ?? "";
    sessionStorage.setItem("aq-conversation", conversation);
  } catch { /* the same */ }
  return "";
}

// Again until there is an answer: the page may not be listening yet, or the server busy.
function hello(wait) {
  if (element.querySelector("[data-ready]")) return;
  trigger("submit", { secret: secret(), conversation: shownBefore() });
  setTimeout(() => hello(Math.min(2 * wait, 30000)), wait);
}
if (isHistory()) setTimeout(() => hello(4000), 50);

function closeHistory() {
  page.historyOpen = false;
  dialog()?.close();
  element.querySelector(".aq-history-open")?.focus();
}

element.addEventListener("click", (event) => {
  if (event.target === dialog()) return closeHistory(); // beside the list
  const control = event.target.closest("[data-action]");
  if (!control || !element.contains(control)) return undefined;
  const { action } = control.dataset;
  page.memoryFocus = null;
  if (action === "show-history") {
    page.historyOpen = true;
    dialog()?.showModal();
  } else if (action === "close-history") closeHistory();
  else if (action === "open-conversation") {
    closeHistory();
    trigger("input", { ...control.dataset });
    page.focusQuestion();
  } else if (action === "suggestion") {
    trigger("submit", { ...control.dataset });
    page.focusQuestion();
  } else {
    // What is shown instead is where the focus goes.
    page.memoryFocus = {
      "ask-delete": '[data-action="delete-conversation"]',
      "delete-conversation": '[data-action="close-history"]',
      "keep-conversation": '[data-action="close-history"]',
      thumb: `[data-verdict="${control.dataset.verdict}"]`,
      "feedback-form": "form input",
      "feedback-cancel": '[data-verdict="down"]',
    }[action];
    trigger("select", { ...control.dataset });
  }
  return undefined;
});
element.addEventListener("change", (event) => {
  if (event.target.dataset.switch !== "keep") return;
  page.memoryFocus = '[data-switch="keep"]';
  trigger("select", { action: "keep", value: event.target.checked });
});
element.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new FormData(event.target);
  page.memoryFocus = '[data-verdict="down"]';
  trigger("select", {
    action: "opinion", reason: fields.get("aq-reason"), comment: fields.get("comment"), right_answer: fields.get("right_answer"),
  });
});
element.addEventListener("cancel", () => { page.historyOpen = false; }, true);

let formShown = false;
watch("value", () => {
  const slot = element.querySelector("[data-ready]");
  if (slot) shownBefore(slot.dataset.conversation);
  if (page.historyOpen && dialog() && !dialog().open) dialog().showModal();
  const form = element.querySelector("form");
  if (form && !formShown) page.scroll(form, "nearest");
  formShown = form !== null;
  const target = page.memoryFocus && element.querySelector(page.memoryFocus);
  if (target) {
    page.memoryFocus = null;
    target.focus({ preventScroll: true });
  }
  page.announce(element.querySelector("[data-announce]")?.dataset.announce);
});
