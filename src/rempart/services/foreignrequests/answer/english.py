"""A draft's words in English."""

from __future__ import annotations

from rempart.services.foreignrequests.answer.words import Words
from rempart.services.foreignrequests.model.assessment import Reach, Why

ENGLISH = Words(
    title="Draft of an answer to an order",
    draft=(
        "Draft for counsel, made by the register of orders. It is neither legal advice nor an"
        " answer: what stands in [brackets] is to be decided, and every paragraph kept, changed or"
        " struck."
    ),
    headings=(
        "The order",
        "What there is",
        "What the operator technically can and cannot do",
        "Whose act it takes",
        "The law of the operator's seat",
        "For counsel",
    ),
    labels={
        "id": "Number in the register",
        "authority": "Authority",
        "country": "Its state",
        "statute": "Law claimed",
        "reference": "Its reference",
        "received": "Received",
        "channel": "How",
        "deadline": "Deadline",
        "kinds": "What is asked for",
        "resources": "Resources",
        "principals": "Persons and accounts",
        "from": "From",
        "to": "To",
        "document": "SHA-256 of the scan",
        "gag": "Silence claimed",
        "assessed": "Assessed",
        "digest": "Digest of the assessment in the log",
    },
    said="{name}: {value}",
    asked={
        "content": "content",
        "metadata": "metadata",
        "keys": "keys",
        "logs": "logs",
        "assistance": "a change to the system",
    },
    place="Location {location}.",
    found="{resource}: {objects} objects, {bytes} bytes. Content: {reach}",
    under="Key {key}, state {state}.",
    partial="A limit ended the counting: there is more than is listed.",
    reach={
        Reach.NOTHING: "nothing to hand over.",
        Reach.CIPHERTEXT: "ciphertext only.",
        Reach.WHILE_OPEN: "ciphertext, and the content as long as the key holder's lease lasts.",
        Reach.CONTENT: "can be handed over.",
    },
    why={
        Why.ABSENT: "Nothing in this universe has that name.",
        Why.EMPTY: "No object is in the scope.",
        Why.NO_CONTENT: "It is there, and has no content of its own.",
        Why.ROOT: (
            "It lies under the universe's root key alone. Whoever is root on the universe's machine"
            " while it runs can open it."
        ),
        Why.SOFTWARE: (
            "It lies under a software key of Cloud KMS, which is kept under the root key. Whoever"
            " is root on the machine can use that key and take it out, also while it is disabled or"
            " waits for its destruction."
        ),
        Why.SOFTWARE_DESTROYED: (
            "Its software key is destroyed: the universe's records have it no more. A copy of all"
            " data from before, together with the root key, still has it. [Are there such copies?]"
        ),
        Why.HSM: (
            "Its key is in the operator's hardware security module, which does not give it out. Who"
            " operates the universe can have the module use it."
        ),
        Why.HSM_DESTROYED: (
            "Its key was destroyed in the hardware security module. No copy of the data opens it."
            " [Is there a backup of the module itself?]"
        ),
        Why.EXTERNAL: (
            "Its key is with a key holder outside the universe. Without that holder's answer the"
            " operator has ciphertext. Whoever is root on the universe's machine can ask the"
            " holder, in anybody's name; what is answered, the holder's rules decide, and the"
            " holder's log shows."
        ),
        Why.EXTERNAL_OPEN: (
            "Its key is with a key holder outside the universe, whose lease had it open in the"
            " machine's memory at the time of the assessment. Until the lease ends, whoever is root"
            " there can take it from memory; after it, the operator has ciphertext."
        ),
        Why.EXTERNAL_DESTROYED: (
            "The universe's half of its key is erased, for ever. A copy from before opens only"
            " where the key holder's manager still unwraps."
        ),
        Why.CUSTOMER_SUPPLIED: (
            "It lies under a key that the customer sends with each request, and that is never"
            " stored. The operator has ciphertext."
        ),
        Why.KEY_GONE: "No key of it is left in the universe. The operator has ciphertext.",
    },
    root={
        "file": "The root key is a file on the universe's machine.",
        "custodians": (
            "The root key is sealed by custodians ({root}): a stopped universe opens with so many"
            " of them. In a running one it is in memory."
        ),
        "hsm": (
            "The root key is sealed under a hardware security module. In a running universe it is"
            " in memory."
        ),
        "external": (
            "The root key is sealed under a key holder's key: a stopped universe opens when that"
            " holder agrees. In a running one it is in memory."
        ),
    },
    kinds={
        "content": "Content: as each finding above says.",
        "metadata": (
            "Metadata is in reach wherever something is there: names, sizes, times, types, labels"
            " and custom metadata, policies, identities. It is encrypted under the root key, which"
            " the operator has. Checksums of objects are as far in reach as their content."
        ),
        "keys": (
            "Keys: software keys can be taken out by whoever is root. Keys in the hardware security"
            " module cannot be taken out, only used. Keys of key holders and keys that customers"
            " send are not here."
        ),
        "logs": (
            "The log's entries are in reach, under the root key: who did what to which resource,"
            " when, from where. Ordinary reads are in it only where the customer's audit settings"
            " want them. Entries whose opening was removed after their time stay closed to"
            " everybody."
        ),
        "assistance": (
            "A change to the system: the operator can change the programs that it runs. That makes"
            " no key holder and no customer answer; what they serve from then on would pass through"
            " changed programs."
        ),
    },
    memory=(
        "While a customer's own request is served, what it reads or writes is in the clear in the"
        " machine's memory, whatever key it lies under. Whoever is root there and changes the"
        " running programs could copy it then, for as long as the customer and the key holder go on"
        " serving the key."
    ),
    acts={
        "operator": "The operator alone: what is in reach above, by an act outside the universe's"
        " own rules. Entering the order has given nobody any access.",
        "customer": "The customer: can be asked, once it may be told, for an approval with the"
        " reason THIRD_PARTY_DATA_REQUEST (Access Approval), or the authority be referred to it.",
        "holder": "The key holder: must answer for its key, by its own rules, under its own law.",
        "sender": "The customer must send its own key with the request; nobody else has it.",
    },
    law={
        "gdpr48": (
            "Regulation (EU) 2016/679, article 48: a third country's judgment or decision that"
            " demands personal data is recognised or enforceable only on the ground of an"
            " international agreement in force, such as one of mutual legal assistance; the other"
            " grounds for transfers in its chapter V are untouched. [Which agreement or ground is"
            " named?]"
        ),
        "dataact32": (
            "Regulation (EU) 2023/2854, article 32: a provider of data processing services keeps"
            " third countries' authorities from non-personal data held in the Union where giving it"
            " would conflict with the law of the Union or a Member State. Without an agreement it"
            " may be given only under the conditions of paragraph 3, in the least amount"
            " permissible, and the customer is informed before, unless law enforcement would be"
            " thwarted and for as long as it would. [Are the conditions met?]"
        ),
        "blocking": (
            "Law no. 68-678 of 26 July 1968, as amended: subject to treaties, documents and"
            " information of an economic, commercial, industrial, financial or technical kind are"
            " not communicated to foreign public authorities where that would harm France's"
            " sovereignty, security, essential economic interests or public order (article 1), nor"
            " as evidence for foreign proceedings (article 1 bis). Whoever is asked informs the"
            " competent minister without delay (article 2; decree no. 2022-207 of 18 February 2022:"
            " the service for strategic information and economic security). [Informed on: …]"
        ),
        "secnumcloud": (
            "SecNumCloud 3.2, section 19.6, where the service is qualified: it is run so that third"
            " parties under law from outside the Union have no technical possibility of obtaining"
            " customers' data or technical data, and customers are informed of changes to that."
            " [Does the order put this into question?]"
        ),
        "union": (
            "The authority is another Member State's: its orders come by the instruments of the"
            " Union, such as the European Investigation Order (Directive 2014/41/EU) or European"
            " Production and Preservation Orders (Regulation (EU) 2023/1543). [Which one is it?]"
        ),
        "domestic": (
            "The authority is of the operator's own state: the order is judged by that state's"
            " procedure. [Competence, form, ways of appeal]"
        ),
    },
    rest=(
        "[Competence of the authority and addressee: …]\n"
        "[Is the law claimed applicable to the operator, and why: …]\n"
        "[Objection, motion or appeal, and until when: …]\n"
        "[What is answered: refused / referred to the customer / nothing held / …]\n"
        "[Signature]"
    ),
    secrecy=(
        "Silence is claimed by {provision}, until {end}. The customers' entries are in the log"
        " already, sealed; they are opened to them then unless the silence is prolonged before."
        " [Is the provision binding on the operator? Does it forbid to inform the authority of the"
        " seat?]"
    ),
    open="No silence is claimed: the customers concerned are told.",
)
