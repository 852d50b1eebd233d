// What there is once a page, shared by the panels of the Ask tab (see ask.js): the popover beside a chip, shortcuts, the
// polite voice, the clipboard. Whichever panel comes first makes it.

const page = (window.aqPage ??= (() => {
  const made = {};
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  // Later, since other panels may still be about to change their size.
  made.scroll = (target, block) =>
    setTimeout(() => target.scrollIntoView({ block, behavior: calm.matches ? "auto" : "smooth" }), 80);

  // The voice: one live region that outlives every update of the panels.
  const voice = document.body.appendChild(document.createElement("div"));
  voice.className = "aq-visually-hidden";
  voice.setAttribute("role", "status");
  made.announce = (words) => { if (words && voice.textContent !== words) voice.textContent = words; };

  // The popover: a copy of what the server put into the page, so that nothing is made of text here.
  const popover = document.body.appendChild(document.createElement("div"));
  popover.className = "aq-popover";
  popover.hidden = true;
  let shownAt = null;
  let later;
  made.pinned = null;
  let lastPointer = "mouse";
  document.addEventListener("pointerdown", (event) => { lastPointer = event.pointerType; }, true);
  document.addEventListener("keydown", () => { lastPointer = "key"; }, true);
  made.isTap = (event) => event.detail > 0 && lastPointer === "touch";

  function place() {
    const at = shownAt.getBoundingClientRect();
    const size = popover.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - 8);
    const above = at.top - size.height - 8;
    popover.style.left = `${left}px`;
    popover.style.top = `${above > 8 ? above : Math.min(at.bottom + 8, innerHeight - size.height - 8)}px`;
  }
  function point(control, on) {
    document.querySelectorAll(".aq-sources .aq-pointed").forEach((old) => old.classList.remove("aq-pointed"));
    const { exchange, marker } = control?.dataset ?? {};
    const panel = document.querySelector(".aq-sources .aq-panel");
    if (!on || !marker || panel?.dataset.exchange !== exchange) return;
    const mark = panel.querySelector(`mark[data-marker="${CSS.escape(marker)}"]`);
    mark?.classList.add("aq-pointed");
    mark?.closest(".aq-card")?.classList.add("aq-pointed");
  }
  made.showPopover = (control, pinned = false) => {
    const details = document.getElementById(control.dataset.pop);
    if (!details) return;
    clearTimeout(later);
    popover.replaceChildren(...[...details.childNodes].map((node) => node.cloneNode(true)));
    popover.hidden = false;
    shownAt = control;
    made.pinned = pinned ? control : null;
    place();
    point(control, true);
  };
  made.hidePopover = () => {
    clearTimeout(later);
    if (popover.hidden) return false;
    popover.hidden = true;
    point(shownAt, false);
    shownAt = made.pinned = null;
    return true;
  };
  // After an update of a panel the chip may have moved or gone.
  made.keepPopover = () => {
    if (popover.hidden) return;
    if (!shownAt.isConnected || !document.getElementById(shownAt.dataset.pop)) made.hidePopover();
    else place();
  };
  const chipAt = (event) => event.target.closest?.("[data-pop]");
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const control = chipAt(event);
    if (control) {
      clearTimeout(later);
      later = setTimeout(() => made.showPopover(control), 90);
    } else if (popover.contains(event.target)) clearTimeout(later);
    else if (shownAt && !made.pinned && document.activeElement !== shownAt) {
      clearTimeout(later);
      later = setTimeout(made.hidePopover, 180);
    } else if (!shownAt) clearTimeout(later);
  });
  document.addEventListener("focusin", (event) => {
    const control = chipAt(event);
    if (control && control.matches(":focus-visible")) made.showPopover(control);
    else if (!popover.contains(event.target) && !made.pinned) made.hidePopover();
  });
  document.addEventListener("click", (event) => {
    const control = chipAt(event);
    if (control && !control.dataset.action) made.showPopover(control, true);
    else if (popover.contains(event.target)) {
      const chip = shownAt;
      if (event.target.closest("[data-action]") && chip) { made.pinned = chip; chip.click(); }
    } else if (!control) made.hidePopover();
  });
  addEventListener("scroll", () => { if (shownAt) made.keepPopover(); }, { capture: true, passive: true });
  addEventListener("resize", made.hidePopover);

  // The sheet that sources and articles are shown in on phones.
  made.behindSheet = () => document.querySelectorAll(".aq-ask > .aq-main, .aq-header, .aq-tabs > .tab-wrapper");
  made.closeSheet = () => {
    const panels = document.querySelector(".aq-sheet-open");
    if (!panels) return false;
    panels.classList.remove("aq-sheet-open");
    document.body.style.overflow = "";
    const side = panels.querySelector(".aq-side");
    ["role", "aria-modal", "aria-label"].forEach((name) => side.removeAttribute(name));
    made.behindSheet().forEach((part) => { part.inert = false; });
    if (made.opener?.isConnected) made.opener.focus({ preventScroll: true });
    return true;
  };
  matchMedia("(max-width: 860px)").addEventListener("change", made.closeSheet);

  // Shortcuts. "/" does nothing where it is text.
  made.focusQuestion = () => setTimeout(() => {
    const box = document.querySelector(".aq-question-box textarea");
    box?.focus();
    box?.setSelectionRange(box.value.length, box.value.length);
  }, 120);
  function closeFilters() {
    const filters = document.querySelector("details.aq-filters[open]");
    if (!filters) return false;
    filters.open = made.filtersOpen = false;
    if (filters.contains(document.activeElement)) filters.querySelector("summary").focus();
    return true;
  }
  function leaveArticle() {
    const back = document.querySelector(".aq-sources .aq-reader [data-action=sources]");
    if (!back || !back.closest(".aq-sources").contains(document.activeElement)) return false;
    back.click();
    if (made.opener?.isConnected) made.opener.focus({ preventScroll: true });
    return true;
  }
  const askIsShown = () => Boolean(document.querySelector(".aq-ask")?.offsetParent);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !askIsShown()) return;
    const inText = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !inText) {
      event.preventDefault();
      made.focusQuestion();
    } else if (event.key === "Escape") {
      if (made.hidePopover() || closeFilters() || made.closeSheet() || leaveArticle()) return;
      document.querySelector("button.aq-stop")?.click();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest?.(".aq-filters")) closeFilters();
  });

  // The clipboard; the older way where the page is not served over https.
  made.copy = async (words) => {
    try {
      await navigator.clipboard.writeText(words);
      return true;
    } catch {
      const box = document.body.appendChild(document.createElement("textarea"));
      box.value = words;
      box.className = "aq-visually-hidden";
      box.select();
      try {
        return document.execCommand("copy");
      } finally {
        box.remove();
      }
    }
  };
  return made;
})());
