#!/usr/bin/env escript
%% What a real node makes of a file of expressions: each result as ~p, an exception as
%% {Class,Reason}. All in one node, each with no variables bound.
-mode(compile).

main([File]) ->
    ok = io:setopts(standard_io, [{encoding, unicode}]),
    {ok, Bin} = file:read_file(File),
    Lines = string:split(unicode:characters_to_list(Bin), "\n", all),
    lists:foreach(fun line/1, Lines).

line("") -> ok;
line("%" ++ _) -> ok;
line(Line) -> io:format("~p~n", [evaluate(Line)]).

evaluate(Line) ->
    {ok, Tokens, _} = erl_scan:string(dotted(Line)),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    try
        {value, Value, _} = erl_eval:exprs(Exprs, erl_eval:new_bindings()),
        Value
    catch
        Class:Reason -> {Class, Reason}
    end.

dotted(Line) ->
    case lists:last(Line) of
        $. -> Line;
        _ -> Line ++ "."
    end.
