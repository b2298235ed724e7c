// In every page that a test opens: tells what a script that stored text smuggled in would call, and
// what the policy kept from running.
for (const name of ["alert", "confirm", "prompt"]) {
  window[name] = (...said) => window.note("script", `${name} ${said}`);
}
document.addEventListener("securitypolicyviolation", (event) =>
  window.note("policy", `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));

// What is serious for people who cannot see, or point, or tell colours apart. In a frame stands
// somebody else's message.
window.keepsOut = async (rules) => {
  const only = rules.length ? { runOnly: rules } : {};
  const found = await axe.run(document, { iframes: false, resultTypes: ["violations"], ...only });
  const serious = found.violations.filter((each) => ["serious", "critical"].includes(each.impact));
  return serious.flatMap((each) => each.nodes.map((node) => {
    const [check] = [...node.any, ...node.all, ...node.none];
    return `${each.id}: ${node.html.slice(0, 160)} | ${check ? check.message : ""}`;
  }));
};

// What makes the page wider than the window.
window.sticksOut = () => {
  const parts = [...document.querySelectorAll("body *")].filter((part) => !part.closest(".bo-scroll *"));
  const out = parts.filter((part) => part.getBoundingClientRect().right > innerWidth + 1);
  return out.slice(-4).map((part) => `sticks out: ${part.outerHTML.slice(0, 160)}`);
};
