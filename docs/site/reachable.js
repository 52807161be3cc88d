// What the theme makes as a page opens, and leaves out of reach of keyboards and screen readers.

const SEARCH = ".md-search[role=dialog]:not([aria-label])";
const BUTTONS = ".md-code__nav:not([aria-label])";
const WIDE = ".md-typeset__scrollwrap:not([tabindex])";
let blocks = 0;

function mend() {
  document.querySelector(SEARCH)?.setAttribute("aria-label", "Search");
  for (const buttons of document.querySelectorAll(BUTTONS)) {
    blocks += 1;
    buttons.setAttribute("aria-label", `Of code block ${blocks}`);
  }
  for (const wide of document.querySelectorAll(WIDE)) {
    wide.tabIndex = 0;
  }
}

mend();
new MutationObserver(mend).observe(document.body, {childList: true, subtree: true});
