// Of the ways to a key, shows those that go with the chosen algorithm. Without this script all stand on the form.
"use strict";

(() => {
  const algorithm = document.getElementById("algorithm");
  const how = [...algorithm.form.querySelectorAll('[name="how"]')];

  function goes(box) {
    return box.value.startsWith("secret") === algorithm.value.startsWith("HS");
  }

  function show() {
    for (const box of how) box.closest(".check").hidden = !goes(box);
  }

  // What is not shown any more is not meant any more.
  algorithm.addEventListener("change", () => {
    const chosen = how.find((box) => box.checked);
    if (!chosen || !goes(chosen)) how.filter(goes).find((box) => box.value.endsWith("_pasted")).checked = true;
    show();
  });
  show();
})();
