// What the console does beyond links and forms. Pages work without it.
"use strict";
document.documentElement.classList.add("js");
