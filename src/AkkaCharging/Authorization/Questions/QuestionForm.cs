using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Questions;

/// <summary>Puts a request into the form that authorizers are asked in.</summary>
/// <param name="stations">Null without <c>authorization.stationsFile</c>.</param>
internal sealed class QuestionForm(TokenReader tokens, StationMap? stations)
{
    /// <summary>The form without any setting: the token stands for itself, and no station has another name.</summary>
    public static QuestionForm Plain { get; } = new(new(areTyped: false, TokenNormalization.None), stations: null);

    /// <summary>The file of stations; null without one.</summary>
    public StationMap? Stations => stations;

    /// <summary>The question about a driver at a station.</summary>
    public AuthorizationQuery Fill(RequestId id, StationId station, DriverToken token) =>
        new(id, station, token) { Identity = tokens.Read(token), Mapping = stations?.Find(station) };
}
