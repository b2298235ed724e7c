// What the theme leaves out: htmx without eval, keys for its click-only parts, focus in dialogs.
"use strict";
htmx.config.allowEval = false;
htmx.config.selfRequestsOnly = true;
// When a file is chosen, the theme writes its name into a field beside the control; ours have none.
HTMLInputElement.prototype.hasChangeListener = true;

const NAMES = { dock_to_right: "Show or hide the sidebar", close: "Close", more_horiz: "Actions", unfold_more: "Menu" };
const CLICKABLE = "span[x-on\\:click], div[x-on\\:click], svg[x-on\\:click]";

function makeOperable(root) {
  for (const part of root.querySelectorAll(CLICKABLE)) {
    if (part.querySelector("a, button, input")) continue;
    part.setAttribute("role", "button");
    part.setAttribute("tabindex", "0");
    const name = NAMES[part.textContent.trim()];
    if (name) part.setAttribute("aria-label", name);
  }
  // An icon beside words is an ornament; its letters are not to be read out.
  for (const icon of root.querySelectorAll(".material-symbols-outlined:not([role])")) {
    if (icon.parentElement.textContent.trim() !== icon.textContent.trim()) icon.setAttribute("aria-hidden", "true");
  }
  for (const link of root.querySelectorAll("#nav-sidebar a.active")) link.setAttribute("aria-current", "page");
}

document.addEventListener("DOMContentLoaded", () => makeOperable(document));
document.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && event.target.matches(CLICKABLE)) {
    event.preventDefault();
    event.target.click();
  }
});

// What is not shown yet takes no focus, and a busy machine shows it late.
function focusOnceShown(part, tries = 40) {
  part.focus();
  if (document.activeElement !== part && part.isConnected && tries) setTimeout(() => focusOnceShown(part, tries - 1), 50);
}

// A dialog takes the focus when it comes, and gives it back to its button when it goes.
let opener = null;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.hasAttribute("data-poll")) event.preventDefault();
  if (event.detail.target.id === "modal-content") opener = event.detail.elt;
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.closest(".bo-rule")) return; // a part of it was drawn anew: the focus stays
  const dialog = document.querySelector("#modal-content #dialog");
  if (!dialog) return;
  const first = dialog.querySelector("[aria-invalid=true], input:not([type=hidden]), select, textarea") || dialog.querySelector("h2");
  focusOnceShown(first);
});
document.addEventListener("keydown", (event) => {
  const dialog = document.querySelector("#modal-content #dialog");
  if (!dialog || !dialog.contains(document.activeElement)) return;
  if (event.key === "Escape" && opener) setTimeout(() => opener.focus(), 50);
  if (event.key !== "Tab") return;
  const stops = [...dialog.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")];
  const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
});

// What is done once has its button pressed once; whoever comes back to it sees how it stands now.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-once]")) return;
  if (event.target.dataset.gone) return event.preventDefault();
  event.target.dataset.gone = "yes";
  for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-once]")) location.reload();
});

// A value to copy stands beside its button.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = button.dataset.copied;
});
