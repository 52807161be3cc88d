// A picture that is chosen, pasted, or dropped anywhere on the page.

import { $ } from "./dom.js";

const LINGER = 400; // milliseconds; a pointer that is over the page says so more often

/** Have `act` told of each file that is given, and `told` of a picture's address without a file. */
export function whenFileIsGiven(act, told) {
  const take = (list) => {
    const file = [...(list ?? [])].find((one) => one.type.startsWith("image/")) ?? list?.[0];
    if (file) act(file);
  };
  $("file").addEventListener("change", ({ target }) => {
    take(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
  addEventListener("paste", ({ clipboardData, target }) => {
    // Cells of a table are text and a picture at once.
    if (isField(target) && clipboardData?.types.includes("text/plain")) return;
    take(clipboardData?.files);
  });
  let leaving = 0;
  addEventListener("dragover", (event) => {
    if (!hasFiles(event) && !hasAddress(event)) return;
    event.preventDefault();
    clearTimeout(leaving);
    $("drop").hidden = !hasFiles(event);
  });
  // Which element it leaves for, not every browser tells.
  addEventListener("dragleave", () => {
    clearTimeout(leaving);
    leaving = setTimeout(() => ($("drop").hidden = true), LINGER);
  });
  addEventListener("drop", (event) => {
    $("drop").hidden = true;
    if (!hasFiles(event) && !hasAddress(event)) return; // as text, dropped on a field
    event.preventDefault();
    if (hasFiles(event)) take(event.dataTransfer.files);
    else told();
  });
}

const isField = (target) => target.matches?.("input, textarea");

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

/** Whether it is a picture or a link of a page, which would take this one's place. */
const hasAddress = (event) =>
  !isField(event.target) && event.dataTransfer?.types.includes("text/uri-list");
