export const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #5b6570; --line: #d8dee4; --card: #f6f8fa;
  --training: #bc4c00; --test: #0969da; --bad: #cf222e; --good: 9, 105, 218; --wrong: 207, 34, 46; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9aa4b0; --line: #30363d;
  --card: #161b22; --training: #f0883e; --test: #58a6ff; --bad: #ff7b72; --good: 56, 139, 253; --wrong: 248, 81, 73; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 0.25rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 0.75rem; }
p { margin: 0.25rem 0 0.75rem; max-width: 46rem; }
.soft, caption, figcaption, .tile span { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.75rem; margin: 1.25rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.75rem 0.9rem; }
.tile b { display: block; font-size: 1.45rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { font-size: 0.85rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.75rem; }
figcaption { font-size: 0.9rem; margin-bottom: 0.25rem; }
svg { display: block; width: 100%; height: auto; font-size: 11px; }
svg text { fill: var(--soft); }
.grid { stroke: var(--line); }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
polyline.training { stroke: var(--training); stroke-dasharray: 6 3; } polyline.test { stroke: var(--test); }
circle.training, .key.training { fill: var(--training); } circle.test, .key.test { fill: var(--test); }
.bar { fill: var(--test); } .ideal { stroke: var(--soft); stroke-dasharray: 4 4; }
.legend i { display: inline-block; width: 0.9rem; height: 0.25rem; margin: 0 0.35rem 0.25rem 0; border-radius: 2px; }
.legend i.training { background: var(--training); } .legend i.test { background: var(--test); }
.legend span { display: inline-block; margin-right: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.95rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 0.9rem; padding-bottom: 0.4rem; }
th, td { padding: 0.3rem 0.75rem; text-align: left; border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--soft); font-size: 0.85rem; }
.number { text-align: right; }
.confusion td, .confusion th { text-align: center; padding: 0.35rem 0.3rem; min-width: 2.6rem; border: 1px solid var(--line); }
.confusion .none { color: var(--soft); opacity: 0.45; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: 0.75rem; }
.mistakes figure { padding: 0.5rem; text-align: center; }
.mistakes img { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 0.25rem; background: #fff; }
.mistakes figcaption { font-size: 0.8rem; line-height: 1.35; margin: 0.35rem 0 0; }
@media (max-width: 34rem) {
  th, td { padding: 0.3rem 0.4rem; overflow-wrap: anywhere; }
  table { font-size: 0.85rem; }
  .confusion { width: 100%; table-layout: fixed; }
  .confusion td, .confusion th { min-width: 0; padding: 0.35rem 0; }
  .number { white-space: nowrap; }
}
.mistakes b { color: var(--ink); } .mistakes b.bad { color: var(--bad); }
`;
