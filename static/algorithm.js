// Shows what goes with the chosen algorithm: the secret, or the signing key. Without this script both stand on the form.
"use strict";

(() => {
  const { algorithm, signing_key: key, key_id: keyId } = document.getElementById("asset-form").elements;
  const panels = document.querySelectorAll("#what-signs [data-for]");

  function show() {
    const wanted = algorithm.value.startsWith("HS") ? "secret" : "key";
    for (const panel of panels) panel.hidden = panel.dataset.for !== wanted;
    keyId.closest(".field").hidden = Boolean(key.value);
  }

  // What is not shown any more is not meant any more.
  algorithm.addEventListener("change", () => {
    key.value = "";
    show();
  });

  // site-2026 (RS256, RSA, 3072 bits): a key of the site brings its algorithm.
  key.addEventListener("change", () => {
    const [, brought] = / \((\w+), [^)]*\)$/.exec(key.selectedOptions?.[0].textContent ?? "") ?? [];
    if (brought) algorithm.value = brought;
    show();
  });
  show();
})();
