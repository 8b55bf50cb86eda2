// Paper is white: a page that is read dark is printed light.
let read;
addEventListener("beforeprint", () => {
  read = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = read;
});
