"use strict";

// Puts the pages together: which one is shown, and in which colours.

function startTheme() {
  const root = document.documentElement;
  const apply = (theme) => {
    if (theme) root.dataset.theme = theme;
  };
  apply(localStorage.getItem("theme"));
  byId("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme ?? (dark ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    localStorage.setItem("theme", next);
    apply(next);
  });
}

function startPages(refreshSchema) {
  const show = () => {
    const page = location.hash.slice(1) || "status";
    for (const section of document.querySelectorAll("section")) {
      section.classList.toggle("here", section.id === page);
    }
    for (const link of document.querySelectorAll("nav a")) {
      link.classList.toggle("here", link.hash === `#${page}`);
    }
    if (page === "schema") refreshSchema();
  };
  addEventListener("hashchange", show);
  show();
}

startTheme();
startStatus();
startQuery();
startFiles();
startPages(startSchema());
