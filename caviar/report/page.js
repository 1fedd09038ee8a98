"use strict";
// Draws the figures of the page, each when it comes near the screen, in the colours of the reader's
// scheme. A text that starts with "--" in a figure is the name of a CSS variable.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const drawn = new Map();
  const PRINT_WIDTH = 660; // CSS pixels: what fits on A4 and on Letter between usual margins

  const coloured = (value, css) => {
    if (typeof value === "string") {
      return value.startsWith("--") ? css.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => coloured(item, css));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, css)]));
    }
    return value;
  };

  const themed = (figure, width) => {
    const css = getComputedStyle(document.documentElement);
    const of = (name) => css.getPropertyValue(name).trim();
    const { data, layout } = coloured(figure, css);
    const axis = { gridcolor: of("--grid"), linecolor: of("--line"), zerolinecolor: of("--grid"), tickcolor: of("--line") };
    return {
      data,
      layout: {
        ...layout,
        ...(width ? { width } : { autosize: true }),
        paper_bgcolor: of("--paper"),
        plot_bgcolor: of("--paper"),
        font: { family: "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif", size: 12, color: of("--ink") },
        hoverlabel: { bgcolor: of("--panel"), bordercolor: of("--line"), font: { color: of("--ink") } },
        xaxis: { ...axis, ...layout.xaxis },
        yaxis: { ...axis, ...layout.yaxis },
      },
    };
  };

  const draw = (element, width) => {
    const { data, layout } = themed(figures[element.id], width);
    const config = { responsive: !width, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "toImage"] };
    drawn.set(element.id, element);
    return Plotly.react(element, data, layout, config);
  };

  const elements = [...document.querySelectorAll(".figure")];
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        near.unobserve(target);
        draw(target);
      }
    }
  }, { rootMargin: "600px" });
  elements.forEach((element) => near.observe(element));

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn.forEach((element) => draw(element));
  });
  // On paper: every figure, in light colours, as wide as its share of the page.
  addEventListener("beforeprint", () => {
    for (const element of elements) {
      const layout = element.closest(".figures").classList;
      const share = layout.contains("many") ? 3 : layout.contains("pair") ? 2 : 1;
      draw(element, Math.floor((PRINT_WIDTH - 20 * (share - 1)) / share));
    }
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => elements.forEach((element) => draw(element)));
})();
