// Light, dark, or what the system says.
import { Watched } from "./api";

export type Theme = "light" | "dark";
const KEY = "tallyd.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function kept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function current(): Theme {
  const chosen = kept();
  if (chosen === "light" || chosen === "dark") return chosen;
  return dark.matches ? "dark" : "light";
}

export const theme = new Watched<Theme>(current());

function apply() {
  const now = current();
  document.documentElement.dataset.theme = now;
  theme.set(now);
}

export function otherTheme() {
  try {
    localStorage.setItem(KEY, theme.value === "dark" ? "light" : "dark");
  } catch {
    // Then it lasts as long as the page.
  }
  apply();
}

dark.addEventListener("change", apply);
apply();
