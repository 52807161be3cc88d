// A picture that is chosen, pasted, or dropped anywhere on the page.

import { $ } from "./dom.js";

/** Have `act` told of each file that is given. */
export function whenFileIsGiven(act) {
  const take = (list) => {
    const file = [...(list ?? [])].find((one) => one.type.startsWith("image/")) ?? list?.[0];
    if (file) act(file);
  };
  $("file").addEventListener("change", ({ target }) => {
    take(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
  addEventListener("paste", ({ clipboardData }) => take(clipboardData?.files));
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("drop").hidden = true;
  });
  addEventListener("drop", (event) => {
    $("drop").hidden = true;
    if (!hasFiles(event)) return; // as text, dropped on a field
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
