"""The phrases of `phrases` as providers and Exchange say them in other languages."""

from __future__ import annotations

UNKNOWN = r"""
    (empf[aä]nger|benutzer|adresse|postfach|konto)_(unbekannt|existiert nicht|ung[uü]ltig
        |nicht (gefunden|vorhanden|bekannt|existier))
    (destinataire|adresse|utilisateur|compte|bo[iî]te)s?_(inconnue?|invalide|introuvable|n'existe
        |inexistant|erron|non trouv|pas (été|ete) trouv)
    (usuario|destinatario|direcci[oó]n|cuenta|buz[oó]n)_(desconocid|inv[aá]lid|inexistente
        |no (existe|v[aá]lid|encontrad|se encontr|se ha encontr))
    (utente|indirizzo|casella|destinatario|account)_(sconosciut|inesistent
        |non (esiste|valido|trovat))
    (usu[aá]rio|destinat[aá]rio|endere[cç]o|conta|caixa)_(desconhecid|inv[aá]lid|inexistente
        |n[aã]o (existe|encontrad|foi encontrad))
    (gebruiker|ontvanger|adres|postbus|mailbox)_(onbekend|bestaat niet|niet gevonden|ongeldig)
    (adres|u[zż]ytkownik|odbiorca|konto|skrzynka)\w*_(nieznan|nie istnieje|nie znalezion
        |nieprawid)
    nie ma takiego|нет такого|такого_ нет
    (пользовател|адрес|получател|ящик|аккаунт)\w*_(не (найден|существ|зарегистр)|неизвест
        |отсутств)
    (kullanıcı|alıcı|hesap|adres)_(bulunamad|mevcut de|bilinmiyor|yok)
    (användare|mottagare|adress|modtager|mottaker)\w*_(okänd|ukendt|ukjent|finns inte
        |findes ikke|finnes ikke|hittades inte)
    (u[zž]ivatel|adres[aá]t?|schr[aá]nk)\w*_(nezn|neexist|nenalez)
    宛先不明|(アドレス|ユーザ|宛先|メールボックス|受信者)_(存在し|見つか|不明|ありません|無効)
    (用户|用戶|收件人|地址|邮箱|郵箱|帐号|账号)_(不存在|未找到|找不到|无效|無效|有误)
    (사용자|수신자|계정|주소)_(없|찾을 수|존재하지)
"""

NO_HOST = r"""
    domaine_(inconnu|n'existe|introuvable)
    dom(ain|äne|inio|[ií]nio)_(no existe|n[aã]o existe|nicht gefunden|existiert nicht|unbekannt)
    домен_не (найден|сущ)|域名_(不存在|错误)
"""

FULL = r"""
    postfach_voll|speicherplatz|bo[iî]te_(pleine|satur)|quota d[eé]pass
    buz[oó]n_(llen|exced)|casella_pien|caixa_chei|skrzynk\w+_(pełn|przep)
    (ящик|почт)\w*_переполн|квот|\bbak_ vol\b|mailbox vol|kotası|posta kutusu_dolu
    full inkorg|brevlåda_full|schránk\w+_pln|容量_(超|オーバー|不足)
    メールボックス_(いっぱい|一杯|満)|(邮箱|信箱)_(满|滿|超)|메일함_초과
"""

DISABLED = r"""
    konto_(gesperrt|deaktiviert|inaktiv)|compte_(d[eé]sactiv|suspend|inactif|bloqu)
    cuenta_(suspend|desactiv|inactiv|deshabilit|bloquead)|conta_(suspens|desativ|inativ)
    account_(sospeso|disattiv|disabilit|geblokkeerd)|заблокирован|отключен|деактивир|неактив
    停用|冻结|凍結|利用停止
"""

UNWANTED = r"""
    受信拒否|拒否|拒收
"""

SIZE = r"""
    nachricht (ist )?zu gro|trop (volumineux|gros|grand|lourd)|demasiado grande|troppo grand
    grande demais|te groot|слишком больш|превыша_размер|サイズ|太大|超过_大小
"""

EXPIRED = r"""
    verz[oö]ger|zeit[uü]berschreit|retard[eé]|d[eé]lai|retrasad|demora|in ritardo|scadut
    vertraag|opóźni|задерж|истек|遅延|期限|タイムアウト|延迟|超时
"""
