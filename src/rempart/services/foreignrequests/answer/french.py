"""A draft's words in French."""

from __future__ import annotations

from rempart.services.foreignrequests.answer.words import Words
from rempart.services.foreignrequests.model.assessment import Reach, Why

FRENCH = Words(
    title="Projet de réponse à une demande d'autorité",
    draft=(
        "Projet établi par le registre des demandes, à l'attention du conseil. Ce n'est ni un avis"
        " juridique ni une réponse : ce qui est entre [crochets] reste à décider, et chaque"
        " paragraphe est à garder, à modifier ou à rayer."
    ),
    headings=(
        "La demande",
        "Ce qui existe",
        "Ce que l'exploitant peut et ne peut pas techniquement",
        "De qui dépend la suite",
        "Le droit du siège de l'exploitant",
        "À compléter par le conseil",
    ),
    labels={
        "id": "Numéro au registre",
        "authority": "Autorité",
        "country": "État dont elle relève",
        "statute": "Texte invoqué",
        "reference": "Référence",
        "received": "Reçue le",
        "channel": "Par quelle voie",
        "deadline": "Échéance",
        "kinds": "Objet de la demande",
        "resources": "Ressources",
        "principals": "Personnes et comptes",
        "from": "Depuis",
        "to": "Jusqu'à",
        "document": "SHA-256 de la numérisation",
        "gag": "Secret invoqué",
        "assessed": "Évaluée le",
        "digest": "Empreinte de l'évaluation au journal",
    },
    said="{name} : {value}",
    asked={
        "content": "contenu",
        "metadata": "métadonnées",
        "keys": "clés",
        "logs": "journaux",
        "assistance": "modification du système",
    },
    place="Région {location}.",
    found="{resource} : {objects} objets, {bytes} octets. Contenu : {reach}",
    under="Clé {key}, état {state}.",
    partial="Une limite a mis fin au décompte : il existe plus que ce qui est listé.",
    reach={
        Reach.NOTHING: "rien à remettre.",
        Reach.CIPHERTEXT: "le chiffré seulement.",
        Reach.WHILE_OPEN: "le chiffré, et le contenu tant que dure le bail du détenteur de la clé.",
        Reach.CONTENT: "peut être remis.",
    },
    why={
        Why.ABSENT: "Rien ne porte ce nom dans cet univers.",
        Why.EMPTY: "Aucun objet n'entre dans le périmètre.",
        Why.NO_CONTENT: "La ressource existe et n'a pas de contenu propre.",
        Why.ROOT: (
            "Seule la clé racine de l'univers protège cette ressource. Quiconque est administrateur"
            " de la machine pendant qu'elle fonctionne peut l'ouvrir."
        ),
        Why.SOFTWARE: (
            "La ressource est sous une clé logicielle de Cloud KMS, conservée sous la clé racine."
            " Quiconque est administrateur de la machine peut utiliser et extraire cette clé, même"
            " désactivée ou en attente de destruction."
        ),
        Why.SOFTWARE_DESTROYED: (
            "Sa clé logicielle est détruite : l'univers ne l'a plus. Une copie antérieure de toutes"
            " les données, avec la clé racine, la contient encore. [Existe-t-il de telles copies ?]"
        ),
        Why.HSM: (
            "Sa clé est dans le module matériel de sécurité de l'exploitant, qui ne la livre pas."
            " Qui exploite l'univers peut la faire utiliser par le module."
        ),
        Why.HSM_DESTROYED: (
            "Sa clé a été détruite dans le module matériel de sécurité. Aucune copie des données ne"
            " l'ouvre. [Existe-t-il une sauvegarde du module lui-même ?]"
        ),
        Why.EXTERNAL: (
            "Sa clé est chez un détenteur extérieur à l'univers. Sans la réponse de ce détenteur,"
            " l'exploitant n'a que le chiffré. Quiconque est administrateur de la machine peut"
            " interroger le détenteur, au nom de n'importe qui ; les règles du détenteur décident"
            " de la réponse, et son journal en garde la trace."
        ),
        Why.EXTERNAL_OPEN: (
            "Sa clé est chez un détenteur extérieur à l'univers, dont le bail la tenait ouverte en"
            " mémoire de la machine au moment de l'évaluation. Jusqu'à la fin du bail, quiconque y"
            " est administrateur peut l'y prendre ; ensuite l'exploitant n'a que le chiffré."
        ),
        Why.EXTERNAL_DESTROYED: (
            "La moitié de sa clé que tenait l'univers est effacée, définitivement. Une copie"
            " antérieure ne s'ouvre que si le gestionnaire du détenteur répond encore."
        ),
        Why.CUSTOMER_SUPPLIED: (
            "La ressource est sous une clé que le client envoie avec chaque requête et qui n'est"
            " jamais conservée. L'exploitant n'a que le chiffré."
        ),
        Why.KEY_GONE: "L'univers n'en a plus aucune clé. L'exploitant n'a que le chiffré.",
    },
    root={
        "file": "La clé racine est un fichier sur la machine de l'univers.",
        "custodians": (
            "La clé racine est scellée par des gardiens ({root}) : arrêté, l'univers ne s'ouvre"
            " qu'avec ce nombre d'entre eux. En fonctionnement, elle est en mémoire."
        ),
        "hsm": (
            "La clé racine est scellée sous un module matériel de sécurité. En fonctionnement, elle"
            " est en mémoire."
        ),
        "external": (
            "La clé racine est scellée sous la clé d'un détenteur : arrêté, l'univers ne s'ouvre"
            " qu'avec son accord. En fonctionnement, elle est en mémoire."
        ),
    },
    kinds={
        "content": "Contenu : comme l'indique chaque constat ci-dessus.",
        "metadata": (
            "Les métadonnées sont accessibles dès que la ressource existe : noms, tailles, dates,"
            " types, étiquettes et métadonnées libres, politiques, identités. Elles sont chiffrées"
            " sous la clé racine, que l'exploitant détient. Les sommes de contrôle des objets sont"
            " accessibles dans la même mesure que leur contenu."
        ),
        "keys": (
            "Clés : les clés logicielles peuvent être extraites par l'administrateur de la machine."
            " Celles du module matériel ne peuvent qu'être utilisées. Celles des détenteurs et"
            " celles que les clients envoient ne sont pas ici."
        ),
        "logs": (
            "Les entrées du journal sont accessibles, sous la clé racine : qui a fait quoi, sur"
            " quelle ressource, quand, d'où. Les lectures ordinaires n'y sont que si les réglages"
            " d'audit du client le demandent. Celles dont l'ouverture a été retirée à leur terme"
            " restent closes pour tous."
        ),
        "assistance": (
            "Une modification du système : l'exploitant peut modifier les programmes qu'il fait"
            " fonctionner. Cela ne fait répondre ni un détenteur de clé ni un client ; ce qu'ils"
            " servent ensuite passerait par les programmes modifiés."
        ),
    },
    memory=(
        "Pendant que la requête d'un client est servie, ce qu'elle lit ou écrit est en clair dans"
        " la mémoire de la machine, quelle que soit sa clé. Un administrateur qui y modifie les"
        " programmes en marche pourrait alors le copier, tant que le client et le détenteur"
        " continuent de servir la clé."
    ),
    acts={
        "operator": "L'exploitant seul : ce qui est accessible ci-dessus, par un acte étranger aux"
        " règles de l'univers. L'inscription de la demande n'a donné d'accès à personne.",
        "customer": "Le client : peut être sollicité, dès qu'il peut être informé, pour une"
        " approbation au motif THIRD_PARTY_DATA_REQUEST (Access Approval), ou l'autorité être"
        " renvoyée vers lui.",
        "holder": "Le détenteur de la clé : doit répondre pour elle, selon ses règles et son"
        " droit.",
        "sender": "Le client doit envoyer sa propre clé avec la requête ; nul autre ne l'a.",
    },
    law={
        "gdpr48": (
            "Règlement (UE) 2016/679, article 48 : la décision d'un pays tiers qui exige des"
            " données personnelles n'est reconnue ou exécutoire que sur le fondement d'un accord"
            " international en vigueur, tel qu'un traité d'entraide judiciaire, sans préjudice des"
            " autres motifs de transfert du chapitre V. [Quel accord ou motif est invoqué ?]"
        ),
        "dataact32": (
            "Règlement (UE) 2023/2854, article 32 : le fournisseur de services de traitement de"
            " données écarte l'accès d'autorités de pays tiers aux données non personnelles"
            " détenues dans l'Union lorsqu'il serait contraire au droit de l'Union ou d'un État"
            " membre. Sans accord, elles ne sont remises qu'aux conditions du paragraphe 3, dans la"
            " plus faible mesure permise, le client étant informé au préalable sauf si, et tant"
            " que, l'efficacité de poursuites s'y oppose. [Les conditions sont-elles réunies ?]"
        ),
        "blocking": (
            "Loi n° 68-678 du 26 juillet 1968 modifiée : sous réserve des traités, les documents et"
            " renseignements d'ordre économique, commercial, industriel, financier ou technique ne"
            " sont pas communiqués à des autorités publiques étrangères lorsque cela porterait"
            " atteinte à la souveraineté, à la sécurité, aux intérêts économiques essentiels de la"
            " France ou à l'ordre public (article 1er), ni comme preuves pour des procédures"
            " étrangères (article 1er bis). La personne saisie en informe sans délai le ministre"
            " compétent (article 2 ; décret n° 2022-207 du 18 février 2022 : service de"
            " l'information stratégique et de la sécurité économiques). [Informé le : …]"
        ),
        "secnumcloud": (
            "SecNumCloud 3.2, chapitre 19.6, si le service est qualifié : il est exploité de sorte"
            " que des tiers soumis à un droit extérieur à l'Union n'aient aucune possibilité"
            " technique d'obtenir les données des clients ou les données techniques, et les clients"
            " sont informés de ce qui changerait cela. [La demande le met-elle en cause ?]"
        ),
        "union": (
            "L'autorité relève d'un autre État membre : ses demandes empruntent les instruments de"
            " l'Union, tels que la décision d'enquête européenne (directive 2014/41/UE) ou les"
            " injonctions européennes de production et de conservation (règlement (UE) 2023/1543)."
            " [De quel instrument s'agit-il ?]"
        ),
        "domestic": (
            "L'autorité relève de l'État de l'exploitant : la demande s'apprécie selon la procédure"
            " de cet État. [Compétence, forme, voies de recours]"
        ),
    },
    rest=(
        "[Compétence de l'autorité et destinataire : …]\n"
        "[Le texte invoqué s'applique-t-il à l'exploitant, et pourquoi : …]\n"
        "[Opposition, requête ou recours, et jusqu'à quand : …]\n"
        "[Ce qui est répondu : refus / renvoi vers le client / rien de détenu / …]\n"
        "[Signature]"
    ),
    secrecy=(
        "Le secret est invoqué en vertu de {provision}, jusqu'au {end}. Les entrées des clients"
        " sont déjà au journal, scellées ; elles leur sont ouvertes à cette date, sauf prolongation"
        " avant elle. [La disposition lie-t-elle l'exploitant ? Interdit-elle d'informer l'autorité"
        " du siège ?]"
    ),
    open="Aucun secret n'est invoqué : les clients concernés sont informés.",
)
