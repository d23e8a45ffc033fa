//! The page of a run: complete, without any request, and with nothing in it that the program's text could break.

use tricine_lab::{html, lang, run, schedule};

fn page(text: &str, acts: &str, title: &str) -> String {
    let p = &lang::parse(text).expect("a program")[0];
    let acts = schedule::parse(acts, p.processes.len()).expect("a schedule");
    html::page(p, &run::replay(p, &acts), "8", title)
}

const TEXT: &str = "sem s = 0\ndeaths 1\nprocess ann:\n    post s  # </script><b>&\"'\nprocess bob:\n    wait s\nafter death of bob:\n    post s\n";

#[test]
fn nothing_in_the_text_ends_the_script_or_becomes_html() {
    let page = page(TEXT, "bXbra", "<i>A & \"B\"</i></script>");
    assert_eq!(page.matches("</script>").count(), 2, "the page's own two");
    assert!(!page.contains("<b>&") && !page.contains("<i>A"));
    let json = page.split("id=\"data\">").nth(1).and_then(|p| p.split("</script>").next()).expect("the data");
    let data: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(data["title"], "<i>A & \"B\"</i></script>");
    assert!(data["processes"][0]["text"][1].as_str().expect("a line").contains("</script><b>&"));
    assert_eq!(data["run"]["moments"].as_array().expect("moments").len(), 5);
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = page(TEXT, "a", "t");
    for word in ["http:", "https:", "src=", "href=", "url(", "import", "fetch(", "innerHTML", "eval("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("light-dark(") && page.contains("name=\"viewport\""));
}

#[test]
fn recovery_has_a_column_of_its_own() {
    let page = page(TEXT, "Xbr", "t");
    assert!(page.contains("\"recoveries\":[") && page.contains("after death of bob"));
    assert!(page.contains("\"recovery\":[\"bob\",8]"));
}
