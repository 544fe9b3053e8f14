//! Plots the panels of a dashboard as one SVG, from the answers of Prometheus to their queries. A picture of what the
//! dashboard shows, not of Grafana. No I/O.

use std::fmt::Write;

use serde_json::Value;

use crate::prometheus::Series;

/// Of one column of Grafana's grid, and of one row.
const COLUMN: f64 = 50.0;
const ROW: f64 = 34.0;
const HEAD: f64 = 44.0;
const GAP: f64 = 6.0;
/// More points than these say no more in a picture of this size.
const POINTS: usize = 60;
const MOST_SERIES: usize = 6;
const COLOURS: [&str; 6] = ["#0969da", "#bc4c00", "#1a7f37", "#8250df", "#54aeff", "#ffb77c"];

/// A panel and what its queries showed.
pub struct Plot {
    title: String,
    kind: String,
    unit: String,
    /// In columns and rows: x, y, width, height.
    place: [f64; 4],
    series: Vec<(String, Series)>,
}

impl Plot {
    pub fn of(panel: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let place = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_f64().unwrap_or_default());
        let unit = text(&panel["fieldConfig"]["defaults"]["unit"]);
        Self { title: text(&panel["title"]), kind: text(&panel["type"]), unit, place, series: Vec::new() }
    }

    pub fn add(&mut self, series: Vec<Series>, legend: &str) {
        let named = series.into_iter().map(|one| {
            let name = one.labels.iter().fold(legend.to_owned(), |text, (label, value)| {
                text.replace(&format!("{{{{{label}}}}}"), value)
            });
            (name, one)
        });
        self.series.extend(named);
        let size = |one: &Series| one.points.iter().map(|point| point.1.abs()).sum::<f64>();
        self.series.sort_by(|one, other| size(&other.1).total_cmp(&size(&one.1)));
    }
}

pub fn draw(title: &str, plots: &[Plot]) -> String {
    let below = plots.iter().map(|plot| plot.place[1] + plot.place[3]).fold(0.0, f64::max);
    let (width, height) = (24.0 * COLUMN, HEAD + below * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#1f2328\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#f6f8fa\"/>\n"
    );
    label(&mut svg, (12.0, 28.0), "start\" font-size=\"18", title);
    let times =
        plots.iter().flat_map(|plot| &plot.series).flat_map(|(_, one)| &one.points).map(|point| point.0);
    let span = times.fold((f64::MAX, 0.0), |(first, last), time| (time.min(first), time.max(last)));
    for plot in plots {
        panel(&mut svg, plot, span);
    }
    svg + "</svg>\n"
}

fn panel(svg: &mut String, plot: &Plot, span: (f64, f64)) {
    let [x, y, w, h] = plot.place;
    let (left, top) = (x * COLUMN + GAP / 2.0, HEAD + y * ROW + GAP / 2.0);
    let (width, height) = (w * COLUMN - GAP, h * ROW - GAP);
    let _ = writeln!(
        svg,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"#fff\" stroke=\"#d1d9e0\"/>"
    );
    label(svg, (left + 8.0, top + 16.0), "start\" font-weight=\"bold", &plot.title);
    let inner = [left + 52.0, top + 28.0, width - 62.0, height - 62.0];
    match plot.kind.as_str() {
        "stat" => {
            let last = plot.series.first().and_then(|(_, one)| one.points.last()).map(|point| point.1);
            let text = last.map_or("No data".into(), |value| shown(value, &plot.unit));
            let middle = (left + width / 2.0, top + height / 2.0 + 18.0);
            label(svg, middle, "middle\" font-size=\"26\" fill=\"#0969da", &text);
        }
        "table" => table(svg, plot, (left + 8.0, top + 36.0)),
        _ => lines(svg, plot, span, inner),
    }
}

/// The objects that were ever in the table, because at the end of the run all is well.
fn table(svg: &mut String, plot: &Plot, (left, top): (f64, f64)) {
    let rows = plot.series.iter().take(9);
    for (number, (_, one)) in rows.enumerate() {
        let row = one.labels.values().map(String::as_str).collect::<Vec<_>>().join("   ");
        label(svg, (left, top + 18.0 * number as f64), "start", &row);
    }
}

fn lines(svg: &mut String, plot: &Plot, (first, last): (f64, f64), [left, top, width, height]: [f64; 4]) {
    let values = || plot.series.iter().flat_map(|(_, one)| &one.points).map(|point| point.1);
    let most = values().fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.05 } else { 1.0 };
    for part in [0.0, 0.5, 1.0] {
        let y = top + height * (1.0 - part);
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#eaeef2\"/>",
            left + width
        );
        label(svg, (left - 4.0, y + 4.0), "end", &shown(most * part, &plot.unit));
    }
    if plot.series.is_empty() {
        label(svg, (left + width / 2.0, top + height / 2.0), "middle", "No data");
    }
    let mut at = left;
    for ((name, one), colour) in plot.series.iter().take(MOST_SERIES).zip(COLOURS) {
        let every = one.points.len().div_ceil(POINTS);
        let mut path = String::new();
        let mut before = f64::MIN;
        for (time, value) in one.points.iter().step_by(every) {
            // A gap in the data is a gap in the line.
            let begins = if time - before > 2.5 * every as f64 { 'M' } else { 'L' };
            let x = left + (time - first) / (last - first).max(1.0) * width;
            let y = top + height * (1.0 - value / most);
            let _ = write!(path, "{begins}{x:.0} {y:.1}");
            before = *time;
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-linecap=\"round\"/>"
        );
        let name: String = name.chars().take(34).collect();
        if at + 18.0 + 5.6 * name.len() as f64 > left + width + 10.0 {
            continue;
        }
        let _ = writeln!(
            svg,
            "<rect x=\"{at:.0}\" y=\"{:.1}\" width=\"10\" height=\"3\" fill=\"{colour}\"/>",
            top + height + 17.0
        );
        label(svg, (at + 14.0, top + height + 22.0), "start", &name);
        at += 26.0 + 5.6 * name.len() as f64;
    }
}

fn shown(value: f64, unit: &str) -> String {
    let rounded = |value: f64| match value.abs() {
        size if size == 0.0 || size >= 10.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    match unit {
        "bytes" => format!("{:.0} MiB", value / 1024.0 / 1024.0),
        "percentunit" => format!("{:.0} %", value * 100.0),
        "s" if value != 0.0 && value.abs() < 1.0 => format!("{} ms", rounded(value * 1000.0)),
        "s" => format!("{} s", rounded(value)),
        "ops" => format!("{}/s", rounded(value)),
        _ => rounded(value),
    }
}

/// `anchor` may bring further attributes along.
fn label(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{text}</text>");
}
