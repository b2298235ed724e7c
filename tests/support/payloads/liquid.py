"""Templates that mean harm: each is refused when it is saved, or stopped while it is rendered."""

from __future__ import annotations

_DOUBLE = "{% assign x = 'xxxxxxxxxxxxxxxx' %}" + "{% assign x = x | append: x %}" * 40
_LONG = "{% assign x = '" + "y" * 3_000 + "' %}" + "{% assign x = x | append: x %}" * 5
_LIST = "'" + "a," * 1_500 + "' | split: ','"

# Refused before anything is rendered.
REFUSED = {
    "include": "{% include 'settings' %}",
    "render": "{% render 'settings' %}",
    "raw": "{% raw %}{{ x }}{% endraw %}",
    "doc": "{% doc %}x{% enddoc %}",
    "cycle": "{% cycle 'a', 'b' %}",
    "increment": "{% increment x %}",
    "decrement": "{% decrement x %}",
    "tablerow": "{% tablerow x in (1..3) %}{% endtablerow %}",
    "liquid tag": "{% liquid echo 'x' %}",
    "echo": "{% echo 'x' %}",
    "inline comment": "{% # nothing %}",
    "safe": "{{ subscriber.first_name | safe }}",
    "escapejs": "{{ subscriber.first_name | escapejs }}",
    "base64": "{{ 'x' | base64_encode }}",
    "internal escape": "{{ subscriber.first_name | _plain }}",
    "unknown filter": "{{ 'x' | system }}",
    "range printed": "{{ (1..3) }}",
    "range joined": "{{ (1..1000000000) | join: '-' }}",
    "range assigned": "{% assign x = (1..1000000000) %}",
    "range compared": "{% if (1..1000000000) contains 5 %}x{% endif %}",
    "range in when": "{% case 1 %}{% when (1..1000000000) %}x{% endcase %}",
    "internal name made": "{% assign _click = 'x' %}",
    "root shadowed": "{% assign subscriber = workspace %}{{ subscriber.name }}",
    "root as loop variable": "{% for links in (1..2) %}{{ links }}{% endfor %}",
    "break outside a loop": "{% break %}",
    "nested blocks": "{% if true %}" * 60 + "{% endif %}" * 60,
    "nested conditions": "{% if " + "a and " * 660 + "a %}x{% endif %}",
    "nested paths": "{{ a" + "[a" * 1_300 + "]" * 1_300 + " }}",
    "half a megabyte": "x" * (512 * 1024 + 1),
    "half a megabyte of euros": "€" * (512 * 1024 // 2),
    "thousands of outputs": "{{ 1 }}" * 2_001,
    "a huge tag": "{{ 'a'" + " | upcase" * 600 + " }}",
    "unclosed output": "{{ subscriber.first_name",
    "unclosed tag": "{% if true",
    "unclosed block": "{% if true %}x",
    "unclosed comment": "{% comment %}x",
    "blanks in an output": "{{" + " " * 100_000 + "}}",
    "blanks in a tag": "{% endif" + " " * 100_000 + "%}",
    "braces in a comment": "{% comment %}" + "{{ " * 100_000,
    "raw in a comment": "{% comment %}" + "{% raw %}" * 50_000 + "{% endcomment %}",
    "brackets": "{{ a" + '["a' * 1_300 + " }}",
    "parentheses": "{{ " + "(" * 3_900 + " }}",
    "deep elements": "<div>" * 15_000,
    "deep tables": "<table><tr><td>" * 5_000,
    "deep formatting": "<b><i><font>" * 5_000,
    "elements without end": "<br>" * 100_000,
    "links without end": '<a href="https://example.com/">x</a>' * 9_000,
    "styles squared": (
        "<style>p{" + "".join(f"--a{n}:1;" for n in range(3_000)) + "}</style>" + "<p>x" * 3_000
    ),
    "styles multiplied": "<style>p{color:" + "x" * 20_000 + "}</style>" + "<p>x" * 10_000,
}

# Valid, and stopped by a limit.
STOPPED = {
    "doubled by append": _DOUBLE,
    "replaced by itself": _LONG + "{{ x | replace: 'y', x }}",
    "replaced between characters": _LONG + "{{ x | replace: '', x }}",
    "long glue": _LONG + "{{ " + _LIST + " | join: x }}",
    "list doubled": (
        "{% assign l = " + _LIST + " %}" + "{% assign l = l | concat: l %}" * 20 + "{{ l }}"
    ),
    "numbers multiplied": "{% assign n = 9 %}" + "{% assign n = n | times: n %}" * 30 + "{{ n }}",
    "a number of 4,000 digits": "{{ " + "9" * 3_900 + " | times: 1 }}",
    "an infinite number": "{{ '1e999' | times: 2 }}",
    "a long range": "{% for n in (1..1001) %}x{% endfor %}",
    "a longer range": "{% for n in (1..1000000000000000000000) %}x{% endfor %}",
    "a reversed range": "{% for n in (1..30000000) reversed %}x{% endfor %}",
    "nested loops": (
        "{% for a in (1..1000) %}{% for b in (1..1000) %}{{ b }}{% endfor %}{% endfor %}"
    ),
    "loops in a row": "{% for a in (1..1000) %}{{ a }} of many{% endfor %}" * 600,
    "loops over nothing": (
        "{% for a in (1..100) %}{% for b in (1..100) %}{% if a == 0 %}x{% endif %}"
        "{% endfor %}{% endfor %}"
    )
    * 300,
    "empty outputs in loops": (
        "{% for a in (1..100) %}{% for b in (1..100) %}"
        + "{{ subscriber.last_name }}" * 1_900
        + "{% endfor %}{% endfor %}"
    ),
    "literals in loops": "{% for a in (1..1000) %}" + "x" * 100_000 + "{% endfor %}",
    "captured without end": (
        "{% for a in (1..1000) %}{% capture c %}{{ c }}" + "x" * 1_000 + "{% endcapture %}"
        "{% endfor %}"
    ),
    "a large value": _LONG + "{{ x | append: x | append: x }}",
    "a large value printed often": _LONG + "{{ x }}" * 400,
    "a date format without end": "{{ '2026-01-01' | date: '" + "%A" * 40 + "' }}",
}
