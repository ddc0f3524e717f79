// Dark or light: the system's wish, until the switch says otherwise. No module and
// loaded first, so that no light page flashes at night.
(function () {
  const key = "stormdrain.theme";
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)");

  const chosen = () => { try { return localStorage.getItem(key); } catch { return null; } };

  function apply(theme = chosen()) {
    if (theme !== "dark" && theme !== "light") theme = systemDark.matches ? "dark" : "light";
    root.dataset.theme = theme;
    dispatchEvent(new Event("themechange")); // a canvas has no style sheet
  }

  apply();
  systemDark.addEventListener("change", () => apply());
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      const theme = root.dataset.theme === "dark" ? "light" : "dark";
      try {
        // The system's own choice is not written down: it may change at sunset.
        if (theme === (systemDark.matches ? "dark" : "light")) localStorage.removeItem(key);
        else localStorage.setItem(key, theme);
      } catch { /* a browser that keeps nothing still switches */ }
      apply(theme);
    });
  });
})();
