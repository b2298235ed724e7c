"""Who fetches pixels and follows links without being a reader: names and networks. Pure data.

Collected from what the operators publish, whose pages each group names, and from access logs. Names
are looked for in the user agent, in lower case. Networks count as a whole: only those are listed
that a vendor announces for its own machines, because people browse from clouds and from behind web
filters, too. They are /24 or larger, as that is what is kept of an address.
"""

from __future__ import annotations

from typing import NamedTuple


class Machine(NamedTuple):
    """Somebody's machines: what they call themselves, parted by |, and where they are."""

    name: str
    agents: str
    networks: str = ""


# They fetch an image when the reader opens the message (support.google.com/mail/answer/145919,
# help.yahoo.com/kb/SLN28749.html): behind an open there is a person. None of them follows links.
IMAGE_PROXIES = (
    Machine(
        "Gmail's image proxy",
        "googleimageproxy|via ggpht.com",
    ),
    Machine(
        "Yahoo's image proxy",
        "yahoomailproxy",
    ),
)

# They say no more than this, which no browser does. Apple Mail Privacy Protection fetches all
# images of all messages ahead, through relays (support.apple.com/102602); so do others.
BARE = {
    "mozilla/5.0": "Apple Mail Privacy Protection",
    "mozilla/4.0": "a prefetching proxy",
    "mozilla/5.0 (compatible)": "a prefetching proxy",
    "": "somebody who does not say who",
}

MACHINES = (
    # Fetched ahead by mailbox providers, for people who may never look.
    Machine(
        "Gmail's prefetch",
        "edge/12.246 mozilla/5.0",
    ),
    Machine(
        "Chrome's prefetch proxy",
        "chrome privacy preserving prefetch proxy",
    ),
    Machine(
        "Apple",
        "applebot|apple-pubsub",
        "17.0.0.0/8",
    ),
    # Mail gateways. learn.microsoft.com/microsoft-365/security/office-365-security/safe-links-about
    Machine(
        "Microsoft Safe Links",
        "safelinks|bingpreview|microsoftpreview|office existence discovery|"
        "office protocol discovery|microsoft-webdav-miniredir|msft-defender",
        "40.92.0.0/15 40.94.0.0/16 40.107.0.0/16 52.100.0.0/14 104.47.0.0/17",
    ),
    # help.proofpoint.com/Proofpoint_Essentials, "IP addresses"
    Machine(
        "Proofpoint",
        "proofpoint|urldefense",
        "67.231.144.0/20 148.163.128.0/19 205.220.160.0/19 208.84.64.0/22 "
        "91.209.104.0/24 185.132.180.0/22 185.183.28.0/22",
    ),
    # mimecastsupport.zendesk.com, "Data Centers and URLs"
    Machine(
        "Mimecast",
        "mimecast",
        "63.128.21.0/24 91.220.42.0/24 103.13.69.0/24 124.47.150.0/24 "
        "146.101.78.0/24 170.10.128.0/21 193.7.206.0/23 194.104.108.0/22 "
        "195.130.217.0/24 205.139.110.0/23 207.82.80.0/24 207.211.30.0/23 "
        "216.205.24.0/24 51.163.158.0/23 41.74.192.0/20",
    ),
    # campus.barracuda.com, "Email Gateway Defense IP Ranges"
    Machine(
        "Barracuda",
        "barracuda|cudasvc",
        "64.235.144.0/20 209.222.80.0/21",
    ),
    # cisco.com, "Secure Email Cloud Gateway: IP addresses"
    Machine(
        "Cisco",
        "ironport|cisco-|cisco |talosintel",
        "68.232.128.0/19 184.94.240.0/20 216.71.128.0/19 139.138.32.0/19",
    ),
    # docs.trendmicro.com, "Email Security: IP addresses"
    Machine(
        "Trend Micro",
        "trendmicro|trend micro|tmufe",
        "150.70.0.0/16 216.104.0.0/19 66.180.80.0/20",
    ),
    # techdocs.broadcom.com/email-security.cloud, "IP addresses"
    Machine(
        "Symantec",
        "symantec|messagelabs|bluecoat",
        "46.226.48.0/21 67.219.240.0/20 85.158.136.0/21 95.131.104.0/21 "
        "103.9.96.0/22 117.120.16.0/21 193.109.254.0/23 194.106.220.0/23 "
        "195.245.230.0/23 216.82.240.0/20",
    ),
    # docs.fortinet.com/fortimail-cloud; AS40934
    Machine(
        "Fortinet",
        "fortinet|fortiguard|fortimail|fortisandbox",
        "96.45.32.0/20 173.243.128.0/20 208.91.112.0/22",
    ),
    # support.sophos.com; forcepoint.com; others that name themselves only.
    Machine(
        "Sophos",
        "sophos",
        "198.144.101.0/24 94.140.16.0/22",
    ),
    Machine(
        "Forcepoint",
        "forcepoint|websense",
        "85.115.32.0/19 208.87.232.0/21",
    ),
    Machine(
        "Hornetsecurity",
        "hornetsecurity",
        "83.246.65.0/24 185.140.204.0/22",
    ),
    Machine(
        "a mail gateway",
        "avanan|checkpoint|check point|vadesecure|vade-|cloudmark|mailmarshal|"
        "spamtitan|mailscanner|spamassassin|rspamd|clamav|kaspersky|bitdefender|"
        "eset |mcafee|trellix|fireeye|zerospam|perception-point|abnormal|ironscales|"
        "greathorn|agari|inky|webroot|brightcloud|linkscan",
    ),
    Machine(
        "a reputation service",
        "virustotal|urlscan|netcraft|phishtank|safebrowsing|google-safety|censys|"
        "shodan|expanse|zgrab|masscan|nmap|nuclei|internetmeasurement",
    ),
    # Chats and networks that show what a link leads to, and search engines.
    Machine(
        "a link preview",
        "facebookexternalhit|facebookcatalog|whatsapp/|skypeuripreview|vkshare|"
        "embedly|iframely|pinterest/0.|link preview|linkpreview|snapchat/ext|"
        "com.apple.linkpresentation|google-pagerenderer|tumblr/|flipboardproxy|viber/",
    ),
    Machine(
        "a search engine",
        "slurp|mediapartners-google|feedfetcher|google-inspectiontool|googleother|"
        "google favicon|ia_archiver|yandeximages",
        "66.249.64.0/20",
    ),
    Machine(
        "a monitor",
        "uptime|pingdom|statuscake|newrelicpinger|datadogsynthetics|gtmetrix|"
        "lighthouse|pagespeed|ptst/|siteimprove|screaming frog|w3c_|checklink",
    ),
    Machine(
        "a script",
        "curl/|wget/|httpie|python|aiohttp|httpx|scrapy|go-http-client|java/|jakarta|"
        "apache-httpclient|libwww|lwp|perl|php/|guzzle|ruby|faraday|rest-client|"
        "node-fetch|axios|undici|got (|deno/|reqwest|windowspowershell|winhttp|"
        "postman|insomnia/|libcurl|restsharp|dart/|headless|phantomjs|puppeteer|"
        "playwright|selenium|electron-fetch|https://github.com/|httpclient|hackney|"
        "colly|jersey|nutch|heritrix",
    ),
)
