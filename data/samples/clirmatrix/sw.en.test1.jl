{"src_id": "300", "src_query": "Je, ninaweza kupata malaria", "tgt_results": [["20000", 6], ["20042", 1], ["20049", 0]]}
{"src_id": "301", "src_query": "Ninaweza kufanya nini na", "tgt_results": [["20007", 6], ["20042", 1], ["20049", 0]]}
{"src_id": "302", "src_query": "Kwa nini wakulima hupata", "tgt_results": [["20014", 6], ["20042", 1], ["20049", 0]]}
{"src_id": "303", "src_query": "Ni dunia zipi zilizo", "tgt_results": [["20021", 6], ["20042", 1], ["20049", 0]]}
{"src_id": "304", "src_query": "Wingu hugeukaje kuwa maji", "tgt_results": [["20028", 6], ["20042", 1], ["20049", 0]]}
{"src_id": "305", "src_query": "Ni nini huweka mashine", "tgt_results": [["20035", 6], ["20042", 1], ["20049", 0]]}
