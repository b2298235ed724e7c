"""How mail servers say it: a class of failures each, a phrase a line.

A phrase belongs here when the author of a server, a filter or a big provider wrote it for all of
its kind. Searched line by line in what `rules.plain` makes of a text: lower case, no addresses,
a sentence a line. `_` stands for some words of the sentence; the rest is a regular expression.
"""

from __future__ import annotations

import re

from delivery.bounces import abroad

_WORDS = {
    "{box}": r"\b(?:user|recipient|mail ?box|account|address|alias|addressee|destination|customer"
    r"|subscriber|person|e-?mail|mail ?drop|user-?id|user ?name|rcpt|local[- ]part)(?:e?s|'s)?\b",
    "{mail}": r"\b(?:message|mail|e-?mail|connection|transaction|session|delivery|it)s?\b",
    "{not}": r"(?:n't|not|never)",
    "_": r"[^\n:]{0,60}?",
}


def one_of(*texts: str) -> re.Pattern[str]:
    """Any of the phrases; a line that is indented deeper goes on with the one before."""
    lines = re.sub(r"\n {8}", "", "\n".join(texts))
    for name, pattern in _WORDS.items():
        lines = lines.replace(name, pattern)
    phrases = [line.strip() for line in lines.split("\n") if line.strip()]
    return re.compile("|".join(phrases), re.MULTILINE)


# Lists of bad hosts, and what hosts must have: true whatever code stands beside it.
BLOCKLISTED = one_of(r"""
    spamhaus|spamcop|sorbs|uceprotect|senderscore|mailspike|invaluement|abuseat
    barracuda ?(central|rep)
    (?<!may be )\b(black|block|deny|reject)[ -]?list
    \b(dns|r|u?ri|sur)bls?\b|\b(sbl\d|xbl|pbl|cbl|psbl)\b
    reputation
    \b(ip|ips|host|server|client|network|provider|isp)\b_\b(is|are|was|been|being|currently
        |temporarily) (blocked|banned|listed|bad\b)
    blocked using|listed (in|at|by|on) _\b(list|bl)
    \b(rly|dyn|hvu|con|rtr|dns):[a-z]{1,3}\d
    \bptr\b|reverse[ -](dns|lookup|host|ip|mapping|address|name)|\br-?dns\b|\brdns
    (cannot|can't|could not|couldn't|unable to|failed to) (find|resolve|get|look ?up) your
    mismatch\w* client ip|{not} match (your|the client|client|the ip|reverse)
    forward[- ]confirmed|no (valid )?(dns|host ?name) _(your|client|connecting)
    client host (rejected|blocked)
    \b(helo|ehlo)\b_(reject|invalid|denied|refus|not |must|should|bad)
    (bad|invalid|bogus|unknown|forged|improper|fake) (helo|ehlo)
    \b(dynamic|residential|dial-?up)\b_(ip|host|address|range|space|pool|client)
    (generic|missing|no|invalid) (reverse|rdns|ptr)
""")

# We are too fast, too many, too new.
RATE = one_of(r"""
    \brates?\b|\brate[- ]limit|throttl|frequency|tss0\d
    too (many|fast|much) _(connect|session|message|mail|recipient|request|command|from|error
        |attempt)
    too fast|slow down|unusual (rate|amount|volume)
    \b(connection|message|session|recipient|sending|hourly|daily|relay|submission)s? _(limit
        |quota)s?\b_(exceed|reach|hit)
    exceed\w* _(number of|maximum|allowed|limit)_(connection|messages? per|recipients|session
        |per (hour|minute|day))
    (reach|exceed)\w* _daily|daily _(quota|limit)|sending (quota|limit)
    reciplimit|concurren|this hour|per hour|per minute
    deferred due to|complaints?\b
""")

# This recipient gets more than they may, from everybody.
BUSY = one_of(r"""
    receiving (mail|messages|e-?mail) (at|too)
""")

# What we say we are does not please them.
SENDER = one_of(r"""
    \bsender('s)?\b_(reject|denied|den(y|ied)|refus|unknown|invalid|not |n't |fail|block|ban\b
        |unresolv|must|does|bad|forged|spoof|unauthori|bogus|missing)
    (invalid|unknown|bad|unauthori[sz]ed|unverified|forged|illegal|bogus|blocked|unroutable
        |verify|spoofed|null|unresolvable|rejected|malformed) ([\w-]+ ){0,2}(sender
        |return[- ]path|originator|from)\b
    (domain|address) of (the )?sender
    (envelope|header)[- ](from|sender)|from:? (header|address|domain|field)
    return[- ]path|\bmail ?from\b|reverse-?path|originator|bounce address
    invalid dns mx|call-?(out|back) verif|verify (your )?(sender|address)
    (sender )?verif\w+ fail|verification failed
    your (e?mail |email )?(address|domain|account)\b_(not|block|reject|ban|invalid|denied|n't
        |unable|verif)
    domain you are sending from|sending domain|from your (domain|address|account)
    you('re| are| do| may| have)? {not}_ (allowed|authori[sz]ed|permi\w+|member|able to send
        |subscribe\w*)
    you (must|need to) be (a |an )?(member|subscri)|permission to (post|send|email|mail)
    non-?members?|members?[- ]only|only (members|subscribers|authenticated)
    {not} (a )?(member|subscri\w+)
    only accepts? (mail|messages?|email|posts)_ from
    not (allowed|authori[sz]ed) to (post|send|submit|contact|mail)
    moderat(or|ed) |closed (list|group)|groups\.google\.com|google groups
    restricted_ (to|senders?)|resolver\.rst\.(auth|notauth|notallow|restricted|sendernot)
    notauthorized
""")

# Proofs of origin, of theirs or ours.
AUTHENTICITY = one_of(r"""
    \bspf\b|sender policy framework|\bdkim\b|domainkeys?|\bdmarc\b|\bsender ?id\b
    {not} authenticated|unauthenticated
    authenticat\w+ (is )?(required|needed|fail|check|mechanism)
    (require|need|without|must)\w* _authenticat|smtp auth|\bstarttls\b|\btls\b|encrypt
""")

RELAY = one_of(r"""
    \brelay(ing)?\b_(den|not|prohibit|access|refus|reject|fail|block|disallow|restrict|attempt)
    (unable to|can(no|')t|won't|not|no|den(y|ied)|refuse\w*|prohibit\w*|unauthori[sz]ed|don't
        |open|required? for)\b_\brelay
    not a gateway|rcpthosts|not (in|a) (my|our) (domain|list of allowed)
    we do not (accept|relay)_for|not local_ (relay|host)
""")

SPAM = one_of(r"""
    \bspam|unsolicited|\bu[bc]e\b|bulk (e?mail|message)|\bjunk|phish|cloudmark|brightmail
    {mail}_(looks like|classified as|identified as|considered|appears to be|detected as|scored
        |suspicious|tagged as)
    content ([\w-]+ ){0,2}(filter|reject|denied|block|refus|prohibit|violat|not accept|unaccept
        |disallow)
    (reject|block|refus|denied|filter)\w* ([\w-]+ ){0,3}content
    suspicious|high[- ]probability|\bspamassassin|objectionable|profanity|prohibited word
    forbidden word
""")

# A rule of theirs, whoever it is for.
POLICY = one_of(r"""
    polic(y|ies)|administrative(ly)? (prohibit|den|reject|block)|security|prohibited
    \bblocked\b|\bbann(ed|ing)\b|abus(e|ive)|violat|untrusted|unwelcome|forbidden
    access (is |was |has been )?(denied|restricted|rejected|block)
    (denied|rejected|refused|blocked) (access|due to|because|for\b|by (our|your|the|local|acl
        |policy|rule|system|server|admin))
    reject(ed)? (your|this|from|mail|message)
    not (authori[sz]ed|permitted|allowed|welcome)|not accepting_from
    {mail} ([\w-]+ ){0,2}(rejected|refused|denied|declined|blocked|not accepted|unwanted)
    refus(es|ed|ing)? (to accept |your |connection|mail|message|talk)_from
    aup#|\bcs0[1-9]\b|\bhm0[1-9]\b|\bib\d{3}\b|\b(pol|int|con|dns|blk)-[pt]\b|^(554 )?ip=\d
    weren't sent|^(5\d\d )?(access )?denied$|ask your postmaster
""")

VIRUS = one_of(r"""
    \bvirus|\bvirii|malware|\binfected|\btrojan|\bworm\b|eicar
""")

ATTACHMENT = one_of(r"""
    (illegal|prohibited|unacceptable|forbidden|disallowed|bad|banned|invalid|blocked|unsafe
        |dangerous) ([\w-]+ ){0,2}(attachment|file ?type|extension|mime)
    (attachment|file ?name|extension|executable|file type)s?\b_(not |prohibit|block|forbid
        |reject|disallow|banned|denied|unaccept)
""")

SIZE = one_of(
    r"""
    \b(message|mail|e-?mail|body|attachment|size|data|content)s?\b_(too (large|big)\b
        |larger than|over_(limit|max))
    \b(message|mail|e-?mail|body|attachment|data|content)s?\b_exceed\w*_(size|limit|max|length
        |byte|[mk]b\b)
    (too (large|big)|exceed\w*|over|larger) ([\w']+ ){0,4}(size|length)
    (size|length)_(exceed|limit|too\b|larger|violat|restrict|not supported)|sizelimit
    message (is )?too long|message file too big|too (large|big) (message|for|to)
""",
    abroad.SIZE,
)

CONTENT = one_of(r"""
    bare (lf|cr|line ?feed|carriage)|lone (lf|cr)|malformed (?!address)|improper(ly)? format
    line_too long|line (length )?limit
    (invalid|missing|bad|duplicate|illegal|corrupt|too many)_ (header|mime|message format
        |charset)
    (header|mime|charset|character set|8-?bit|encoding)_(invalid|error|not (supported|allowed
        |valid)|missing|syntax|violat|unsupported|problem)
    rfc ?\d{3,4} (complian|violat|section|standard)|not (rfc|compliant)
    conver(sion|t)_(required|prohibit)|body type|media type|non-?ascii
""")

FULL = one_of(
    r"""
    (mail|in|e-?mail) ?-?box(es)?\b_(\bfull|quota|exceed|limit\b|too (large|many)|out of
        |overflow|storage|space|over\b|size|capacity)
    \b(account|user|recipient|maildir|mail ?folder|folder|destination|directory|drop ?file
        |store)s?\b_(\bfull\b|over ?-?quota|quota|out of_space|storage|exceeded (its|their|disk
        |allocat|max)|capacity)
    over ?-?quota|quota_(exceed|full|violat|reach|limit|used)
    exceed\w*_(quota|storage|allocation|disk)
    (disk|mail|mailbox|storage|user|inbox|hard|soft) quota\b|allowed storage|quotaexceed
    mailboxfull|mailfull|outofstorage
    not enough (disk )?space
    (insufficient|not enough|out of|lack of|exhausted)_(storage|space|disk)_(mail|user|recipient
        |account|allo)
    too much mail (in|data)|too many messages (on|in|for)|messages_(in|on)_(mail|in)box_exceed
    exceeded the local limit
    casella_pien|caixa_chei
    posta kutusu_dolu
""",
    abroad.FULL,
)

# Nobody of that name: these end in suppression, so they name the recipient.
UNKNOWN = one_of(
    r"""
    {box}_(unknown|{not} (be )?(found|exist|known|listed|recogni[sz]ed
        |valid|registered|hosted|local\b|defined|here\b|there\b|in_(directory|list|database)))
    {box}_(no longer (exist|valid|on |here|in |with|used|has|ha[sd]|assoc|at )|non-?exist|unrout
        |undeliverable|does not have|is not a\b)
    {box}_(\binvalid|been (deleted|removed|terminated|cancell?ed)|(deleted|removed) (from|by))
    (unknown|no such|invalid|non-?existe?a?nt|undefined|unrouteable|unroutable|illegal|wrong
        |unrecogni[sz]ed) ([\w'-]+ ){0,3}?{box}
    bad destination
    no (mailbox|user|account|recipient|person|one|body) (here |is |exists? )?(by|with|of|named
        |called|under|at) (that|this|the|such)
    address rejected @|nobody here
    (cannot|can't|could not|unable to) (find|locate) (the |this |that )?{box}
    not known (at this|here)|no valid recipients for this mm
    no mailbox here|no such (person|name|login|id|local|entry)
    not (our|a|one of our) customers?\b
    @ does(n't| not) exist|@ is(n't| not) (a )?(valid|known|found|recogni|listed)|@ not found
    @ unknown|^(\d{3} )?unknown\b
    not listed in|not in (the |our )?(directory|address book)
    unknown ?-?user|user ?-?unknown|no ?such ?user|user ?not ?found|recip(ient)?notfound
    adr\.\w*notfound
    not a (valid|known|local|registered|legal) |no valid_mailbox|couldn't be found|wasn't found
    has left\b
    address not found|unknown or illegal alias|recipient (address )?rejected: access denied
    mailbox (not|un)( ?found)|history of bouncing
""",
    abroad.UNKNOWN,
)

# With 5.5.0, the words of the RFC are how Outlook.com says it.
UNAVAILABLE = one_of(r"""
    requested action not taken: mailbox unavailable
""")

# Said by those who look into their directory: it holds even after the data.
NO_ACCOUNT = one_of(r"""
    {not} have an? _(account|mailbox)|has no (account|mailbox)
""")

NO_HOST = one_of(
    r"""
    \b(host|domain|server|hostname|domain name|mail exchanger)s?\b_({not} (be )?(found|exist
        |resolve|valid|configured)|unknown|non-?exist|\binvalid|no longer exist)
    domain is not reachable|no such (host|domain)|unknown (host|domain|mail ?host|destination)
    account or domain may not exist|[\w-]\.[a-z]{2,24} (does not|doesn't) exist
    (invalid|illegal|bad|non-?existent|bogus) (mail |recipient |destination |host/)*(host
        |domain)
    nxdomain|couldn't find any host|could not find (any|a) (host|mail|mx)
    name or service not known|nodename nor servname|nonexistentdomain
    no dns (entry|record)s?\b|no route found to domain|host address lookups failed permanently
    unrout(e?able|able mail domain)|mx records? point to non-?existent
    recipient domain_(\binvalid|{not}|unknown)
""",
    abroad.NO_HOST,
)

MOVED = one_of(r"""
    \b(user|recipient|account|address|customer|mailbox|who|he|she|has|have)\b_\bmoved\b
    user not local|no longer (employed|works)
    new (e-?mail )?address is|address (has |was )?(been )?changed|change of address
""")

DISABLED = one_of(
    r"""
    {box}_(suspend|disabled|in-?active|de-?activat|{not} (been |currently )?activ|locked|frozen
        |dormant|expired|discontinued|on hold|restrict|blocked|closed|archiv|limited)
    {box}_(not available|unavailable|temporarily|inaccessible|no longer (active|available
        |accept)|cannot (receive|accept)|over a year)
    (suspended|disabled|inactive|deactivated|locked|frozen|dormant|expired|archived
        |closed) (e-?mail |mail |user )?{box}
    disableduser|inactiveuser|account ?(disabled|suspended)|not (currently )?active
    not activated
""",
    abroad.DISABLED,
)

# Words that make less of a code that says "nobody there".
UNWISHED = one_of(r"""
    null ?-?mx|indicated no smtp|no smtp service|accepts? no mail
    (domain|host)_(does not|doesn't|not) accept (any )?(mail|message|e-?mail)
    recipient'?s? preferences?|archived recipient|recipient archived
""")

# The recipient's own filter, or a host that takes no mail.
UNWANTED = one_of(
    r"""
    (does|do|will|can|is|did)( |n')?(not|t)? ?(not )?(accept\w*|want|wish|like)_(mail|message
        |e-?mail|recipient|delivery|smtp)
    not accept(ing|ed)? (any )?(mail|e-?mail|message)|don't accept|does not like recipient
    id refuse|accept no more mail|cannot route mail to user
    no (mx|mail exchanger|a record|mx or a)s?\b|(find|have) (any|an|a)? ?(mx|mail exchanger)\b
    recipients? (has |have |does |do )?(refus|declin|reject)\w* (your|this|the|mail|message|to)
    (refused|rejected|declined) by (the |this )?(recipient|user|addressee)
    (user|recipient|addressee|receiver)('s)?_(filter|preference|setting)|\bfiltered\b
    message refused
""",
    abroad.UNWANTED,
)

GREYLISTED = one_of(r"""
    gr[ae]y[ -]?list|try again (in|after|later) \d+ (sec|min)|please retry in
""")

# A lookup that failed for now, in words that also tell of names that do not exist.
LOOKUP = one_of(r"""
    not found, try again|lookup fail\w+ temporar|temporary (lookup|dns|name)|no data record
    servfail
""")

EXPIRED = one_of(
    r"""
    \b(deliver\w*|messages?|mail|retr(y|ies)|queue|e-?mail|attempt|time|envelope
        |transmission)s?\b_(expired|timed? ?-?out|time limit|timeout exceeded|lifetime|too old)
    \b(queue|spool)_too long|too long (in|on)\b|queue\.expired
    retry time(out)?_(exceed|not reached)
    ({not}|unable|fail\w*|unsuccess\w*|undelivered|queued|tried|trying|attempt\w*
        |retr\w+)_\b(for|within|in|after|over|during|last|than)\b_\d+(\.\d+)? ?(d|h|day|hour
        |minute|week)
    (still|being|will be|will keep|continue|keep)_(retr|try|attempt)|could not send message for
    delay(ed)?\b|has been deferred|not yet been delivered|delivery will be attempted
    (maximum|max|too many|exceeded)_(retries|retry|attempts|tries|age|queue time)
    g(ave up|iving up|iven up) (after|trying)|not going to try again|stopped trying
""",
    abroad.EXPIRED,
)

NETWORK = one_of(r"""
    \b(connect\w*|conversation|session|socket|transmission|communicat\w*|network|host|server
        |data|dialog|i/o|read|write|tcp)\b_(time(d)?[ -]?out|refused|reset|lost|drop|closed
        |broke|abort|terminat|unreachable|interrupt)
    \b(connect\w*|network|host|server|session|communicat\w*)\b_(fail|error|down\b|{not} (respond
        |reach|answer|available)|no response|unavailable|busy|establish|be made)
    no route to|unreachable
    (could not|couldn't|unable to|cannot|can't|fail\w* to|wasn't able to) (be )?(establish
        |connect|contact|open|talk|communicate|initiate)
    lost connection|no (answer|response|reply) from|{not} accept our requests|not responding
    \b(dns|name ?server|name service|resolver|cname|lookup|host lookup)\b_(fail|error|time
        |temporar|problem|unable|loop|unavailable|defer)
    host found but no data|greeting fail|connected to_but
    hop ?count|hops\b|\bloop(s|ed|ing)?\b|too many_received|already has my delivered-to
    timed out|timeout|time out|network error|broken pipe
""")

SERVER = one_of(r"""
    \b(system|server|internal|local|config\w*|software|program|processing|database|ldap
        |temporar\w*|resource|lookup|mailer|backend|unexpected|fatal|disk|i/o|gateway
        |routing)\b_(error|fail\w*|problem|trouble|unavailable|misconfig|exception|busy|fault
        |resource)
    no space left|disk full|insufficient (system|disk|queue|resource)|out of memory|queue file
    file ?system is full|read-only
    service (is )?(currently |temporarily )?(un|not )available|x-unix
    misconfig|resources? temporarily|several matches
    mailer|exit(ed)? (status|code|with|value)|error (output|writing|code|in processing|while)
    \bpipe\b|procmail|maildrop|maildir|command (died|failed|output|time)|\blmtp\b|signal \d
    local delivery|delivery to (file|pipe|command|mailbox)
    (unable to|cannot|can't) (run|open|create|append|execute|exec|lock|write|process|chdir|fork
        |update)
    unknown (error|mailer|reason)|try (again )?later|temporar
""")

PROTOCOL = one_of(r"""
    syntax error|bad sequence|malformed address|unrecogni[sz]ed command
    protocol (error|violation)|need (mail|rcpt|helo)|pipelin|synchroni[sz]ation
    \b(command|parameter|argument)s?\b_(not (recogni|implement|understood|support)|unrecogni
        |unknown|unimplement|reject|out of sequence|\binvalid|syntax)
""")
