//! What people open in a browser, in headless Chromium: the page of a run and the site.

mod chromium;
mod page;
mod site;
